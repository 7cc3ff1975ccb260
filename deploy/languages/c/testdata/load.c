#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
    volatile char *held = malloc(40 << 20);
    for (size_t i = 0; i < 40 << 20; i += 4096)
        held[i] = 1;
    char line[1024];
    memset(line, 'x', 1023);
    line[1023] = 0;
    for (int i = 0; i < 300; i++)
        puts(line);
    return held[4096] - 1;
}
