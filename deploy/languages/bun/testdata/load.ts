const held = new Uint8Array(40 << 20).fill(1);
for (let i = 0; i < 300; i++) {
  console.log("x".repeat(1023));
}
if (held[4096] !== 1) process.exit(1);
