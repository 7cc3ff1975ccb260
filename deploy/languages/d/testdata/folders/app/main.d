import parts;
import std.file, std.stdio, std.string;

void main() {
    writeln(greet(readText("data/name.txt").strip));
}
