const held = [];
for (;;) held.push(Buffer.alloc(4 << 20, 1));
