#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
    char line[80] = "";
    printf("version %d\nargs ", __GNUC__);
    for (int i = 1; i < argc; i++)
        printf("%s%s", i > 1 ? "|" : "", argv[i]);
    printf("\nenv %s\n", getenv("GREETING"));
    for (int i = 0; i < 2; i++)
        if (!fgets(line, sizeof line, stdin))
            return 1;
    line[strcspn(line, "\n")] = 0;
    printf("stdin %s\n日本語 🐘\n", line);
    fprintf(stderr, "to stderr\n");
    return 3;
}
