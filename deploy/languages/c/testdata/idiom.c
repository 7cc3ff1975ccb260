#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static _Atomic int hits;

static void *hit(void *arg) {
    (void)arg;
    for (int i = 0; i < 1000; i++)
        atomic_fetch_add(&hits, 1);
    return NULL;
}

#define kind(x) _Generic((x), int: "int", double: "double", default: "other")

int main(void) {
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, hit, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    printf("%d %s %s %.3f\n", hits, kind(1), kind(1.0), cos(0.5));
}
