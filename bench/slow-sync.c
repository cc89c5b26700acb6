/*
 * A slow disk: every fsync and fdatasync of a process takes SLOW_SYNC_US microseconds longer. By LD_PRELOAD, on Linux:
 * cc -shared -fPIC -o slow-sync.so slow-sync.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static void wait_a_while(void) {
  const char *text = getenv("SLOW_SYNC_US");
  long microseconds = text == NULL ? 0 : atol(text);
  struct timespec left = {microseconds / 1000000, microseconds % 1000000 * 1000};
  /* Interrupted by a signal, it sleeps on for the rest. */
  while (nanosleep(&left, &left) != 0) {
  }
}

int fsync(int file) {
  int (*original)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  wait_a_while();
  return original(file);
}

int fdatasync(int file) {
  int (*original)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  wait_a_while();
  return original(file);
}
