const fs = require("fs");

console.log("version", process.versions.node.split(".")[0]);
console.log("args", process.argv.slice(2).join("|"));
console.log("env", process.env.GREETING);
console.log("stdin", fs.readFileSync(0, "utf8").split("\n")[1]);
console.log("日本語 🐘");
console.error("to stderr");
process.exitCode = 3;
