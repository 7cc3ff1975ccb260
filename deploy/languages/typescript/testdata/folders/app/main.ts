import { readFileSync } from "node:fs";
import { greet } from "./parts/greeting.js";

console.log(greet(readFileSync("data/name.txt", "utf8").trim()));
