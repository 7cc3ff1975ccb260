import std.algorithm, std.range, std.stdio;

enum squares = iota(5).map!(n => n * n).array; // while it is compiled

mixin template Named(string name) {
    enum who = name;
}

mixin Named!"mixed in";

void main() {
    auto evens = squares.filter!(n => n % 2 == 0);
    writeln(evens, " ", who, " ", recurrence!"a[n-1] + a[n-2]"(1, 1).take(6));
}
