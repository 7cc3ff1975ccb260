import core.stdc.stdlib : exit;
import std.array, std.process, std.stdio, std.string;

int main(string[] args) {
    writefln("version %d.%03d", __VERSION__ / 1000, __VERSION__ % 1000);
    writeln("args ", args[1 .. $].join("|"));
    writeln("env ", environment["GREETING"]);
    readln();
    writeln("stdin ", readln().strip);
    writeln("日本語 🐘");
    stderr.writeln("to stderr");
    return 3;
}
