grammar Pair { token TOP { <key> '=' <value> }; token key { \w+ }; token value { \d+ } }

multi area(:$side!) { $side² }
multi area(:$width!, :$height!) { $width × $height }

my $parsed = Pair.parse("n=42");
say "$parsed<key> { +$parsed<value> } { area(:side(3)) } { (1, 2, 4 ... 64).sum } { 1/3 + 1/6 }";
