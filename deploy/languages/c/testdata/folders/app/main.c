#include <stdio.h>

#include "parts/greeting.h"

int main(void) {
    char name[80];
    FILE *f = fopen("data/name.txt", "r");
    if (!f || fscanf(f, "%79s", name) != 1)
        return 1;
    greet(name);
}
