#include "parts/greeting.h"

#include <stdio.h>

void greet(const char *name) { printf("hello %s\n", name); }
