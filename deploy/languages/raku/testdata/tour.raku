say "version { $*RAKU.version.Str.subst("v") }";
say "args { @*ARGS.join("|") }";
say "env %*ENV<GREETING>";
get;
say "stdin { get }";
say "日本語 🐘";
note "to stderr";
exit 3;
