<?php
$held = str_repeat("x", 40 << 20);
for ($i = 0; $i < 300; $i++) {
    echo str_repeat("x", 1023), "\n";
}
