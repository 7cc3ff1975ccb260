console.log("asleep");
setTimeout(() => {}, 60_000);
