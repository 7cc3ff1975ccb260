my buf8 $held = buf8.allocate(40 * 1024 * 1024, 1);
say "x" x 1023 for ^300;
exit $held[4096] - 1;
