use v5.36;

sub area ($width, $height = 2) { $width * $height }

my %count;
$count{lc $_}++ for "One two one" =~ /\w+/g;
say join " ", area(3), map { "$_=$count{$_}" } sort keys %count;
