const held: Buffer = Buffer.alloc(40 << 20, 1);
for (let i = 0; i < 300; i++) {
  console.log("x".repeat(1023));
}
export { held };
