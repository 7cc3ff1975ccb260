import { Database } from "bun:sqlite";

const db = new Database(":memory:");
const row = db.query("select 6 * 7 as answer").get() as { answer: number };
await Bun.write("note.txt", "written");
console.log(await Bun.file("note.txt").text(), row.answer, new Bun.CryptoHasher("sha256").update("x").digest("hex").slice(0, 8));
