const { greet } = require("./parts/greeting");

console.log(greet(require("fs").readFileSync("data/name.txt", "utf8").trim()));
