#include "proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  address.sin_port = htons((uint16_t)port);
  return address;
}

static void close_link(proxy *p, int link) {
  if (p->clients[link] >= 0) close(p->clients[link]);
  if (p->servers[link] >= 0) close(p->servers[link]);
  p->clients[link] = p->servers[link] = -1;
}

static void close_all(proxy *p) {
  for (int i = 0; i < PROXY_LINKS; i++) close_link(p, i);
}

static int connect_server(void) {
  const char *port = getenv("KEEL_TEST_PORT");
  if (port == NULL) abort();
  struct sockaddr_in address = loopback((int)strtol(port, NULL, 10));
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

static void accept_one(proxy *p) {
  int client = accept(p->listener, NULL, NULL), number = atomic_fetch_add(&p->accepted, 1) + 1;
  bool mute = number >= atomic_load(&p->mute_from) && number <= atomic_load(&p->mute_to);
  for (int i = 0; i < PROXY_LINKS && client >= 0; i++) {
    if (p->clients[i] >= 0) continue;
    p->clients[i] = client;
    p->servers[i] = mute ? -1 : connect_server();
    return;
  }
}

static bool write_all(int fd, const char *data, ssize_t length) {
  while (length > 0) {
    ssize_t written = send(fd, data, (size_t)length, MSG_NOSIGNAL);
    if (written <= 0) return false;
    data += written;
    length -= written;
  }
  return true;
}

/* From one side to the other; false: the link is over. */
static bool forward(int from, int to, ssize_t *length) {
  char data[16384];
  *length = recv(from, data, sizeof data, 0);
  if (*length <= 0) return false;
  return to < 0 || write_all(to, data, *length);
}

static void serve(proxy *p, int link, short client_events, short server_events) {
  ssize_t length = 0;
  bool over = client_events != 0 && !forward(p->clients[link], p->servers[link], &length);
  if (!over && server_events != 0) over = atomic_exchange(&p->swallow, 0) != 0;
  if (over) {
    close_link(p, link);
  } else if (server_events != 0) {
    bool alive = forward(p->servers[link], p->clients[link], &length);
    long cut = atomic_load(&p->cut_after);
    if (cut > 0) {
      alive = alive && cut > length;
      atomic_store(&p->cut_after, cut > length ? cut - length : 0);
    }
    if (!alive) close_link(p, link);
  }
}

static void *run(void *data) {
  proxy *p = data;
  struct pollfd fds[2 + 2 * PROXY_LINKS];
  for (;;) {
    fds[0] = (struct pollfd){.fd = p->listener, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = p->wake[0], .events = POLLIN};
    for (int i = 0; i < PROXY_LINKS; i++) {
      fds[2 + 2 * i] = (struct pollfd){.fd = p->clients[i], .events = POLLIN};
      fds[3 + 2 * i] = (struct pollfd){.fd = p->servers[i], .events = POLLIN};
    }
    poll(fds, 2 + 2 * PROXY_LINKS, -1);
    if (fds[1].revents != 0) return NULL;
    for (int i = 0; i < PROXY_LINKS; i++) {
      if (p->clients[i] >= 0) serve(p, i, fds[2 + 2 * i].revents, fds[3 + 2 * i].revents);
    }
    if (fds[0].revents != 0) accept_one(p);
  }
}

void proxy_start(proxy *p) {
  struct sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  memset(p, 0, sizeof *p);
  memset(p->clients, -1, sizeof p->clients);
  memset(p->servers, -1, sizeof p->servers);
  p->listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(p->listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(p->listener, 64) != 0)
    abort();
  if (getsockname(p->listener, (struct sockaddr *)&address, &size) != 0 || pipe(p->wake) != 0) abort();
  p->port = ntohs(address.sin_port);
  if (pthread_create(&p->thread, NULL, run, p) != 0) abort();
}

void proxy_stop(proxy *p) {
  if (write(p->wake[1], "x", 1) != 1) abort();
  pthread_join(p->thread, NULL);
  close_all(p);
  close(p->listener);
  close(p->wake[0]);
  close(p->wake[1]);
}
