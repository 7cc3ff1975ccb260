import { greet } from "./parts/greeting";

console.log(greet((await Bun.file("data/name.txt").text()).trim()));
