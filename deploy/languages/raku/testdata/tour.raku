say "version { $*RAKU.version.Str.subst("v") }";
say "args { @*ARGS.join("|") }";
say "env %*ENV<GREETING>";
$*IN.get;
say "stdin { $*IN.get }";
say "日本語 🐘";
note "to stderr";
exit 3;
