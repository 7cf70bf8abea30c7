/*
 * proxy.h: a TCP proxy in front of the test server that can misbehave: leave a connection without an answer, or cut it off
 * in the middle of a result.
 */
#ifndef KEEL_TEST_PROXY_H
#define KEEL_TEST_PROXY_H

#include <pthread.h>
#include <stdatomic.h>

#define PROXY_LINKS 64

typedef struct proxy {
  pthread_t thread;
  int listener, port;
  int wake[2];
  int clients[PROXY_LINKS], servers[PROXY_LINKS]; /* -1: free; a mute link has no server */
  atomic_int accepted;
  atomic_int mute_from, mute_to; /* connections by number, from 1, that get no answer */
  atomic_int swallow;            /* 1: what a server says next is dropped, and its link cut; once */
  atomic_long cut_after;         /* bytes from the server after which everything is cut; 0: never */
} proxy;

void proxy_start(proxy *proxy);
void proxy_stop(proxy *proxy);

#endif
