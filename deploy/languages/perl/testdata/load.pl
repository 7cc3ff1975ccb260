my $held = "x" x (40 << 20);
print "x" x 1023, "\n" for 1 .. 300;
