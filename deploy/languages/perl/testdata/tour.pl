use v5.36;

say "version ", join ".", (split /\./, sprintf "%vd", $^V)[0, 1];
say "args ", join "|", @ARGV;
say "env $ENV{GREETING}";
chomp(my @lines = <STDIN>);
say "stdin $lines[1]";
say "日本語 🐘";
say STDERR "to stderr";
exit 3;
