import std.array, std.stdio;

void main() {
    auto held = new ubyte[40 << 20];
    held[] = 1;
    foreach (i; 0 .. 300)
        writeln("x".replicate(1023));
    assert(held[4096] == 1);
}
