<?php
echo "version ", PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION, "\n";
echo "args ", implode("|", array_slice($argv, 1)), "\n";
echo "env ", getenv("GREETING"), "\n";
fgets(STDIN);
echo "stdin ", trim(fgets(STDIN)), "\n";
echo "日本語 🐘\n";
fwrite(STDERR, "to stderr\n");
exit(3);
