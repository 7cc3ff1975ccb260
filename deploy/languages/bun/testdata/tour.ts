console.log("version", Bun.version.split(".").slice(0, 2).join("."));
console.log("args", Bun.argv.slice(2).join("|"));
console.log("env", Bun.env.GREETING);
console.log("stdin", (await Bun.stdin.text()).split("\n")[1]);
console.log("日本語 🐘");
console.error("to stderr");
process.exit(3);
