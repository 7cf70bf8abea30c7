#include "cancel.h"

#include "../core/alloc.h"

struct keel__cancel {
  uv_work_t work; /* first: the callbacks get it */
  keel__io *io;
  PGcancel *how;          /* a copy of what is needed, so that the connection may go */
  keel__cancel_done done; /* NULL: orphaned */
  void *data;
};

/* Worker thread. */
static void cancel_blocking(uv_work_t *work) {
  char message[256];
  /* Whether it worked shows in what the statement does. */
  (void)PQcancel(((keel__cancel *)work)->how, message, sizeof message);
}

static void on_cancelled(uv_work_t *work, int status) {
  (void)status;
  keel__cancel *cancel = (keel__cancel *)work;
  cancel->io->in_worker--;
  if (cancel->done != NULL) cancel->done(cancel->data);
  PQfreeCancel(cancel->how);
  keel__free(cancel);
}

keel__cancel *keel__cancel_start(keel__io *io, PGconn *pg, keel__cancel_done done, void *data) {
  keel__cancel *cancel = keel__alloc(sizeof *cancel);
  if (cancel == NULL) return NULL;
  cancel->how = PQgetCancel(pg);
  cancel->io = io;
  cancel->done = done;
  cancel->data = data;
  if (cancel->how != NULL && uv_queue_work(io->loop, &cancel->work, cancel_blocking, on_cancelled) == 0) {
    io->in_worker++;
    return cancel;
  }
  PQfreeCancel(cancel->how);
  keel__free(cancel);
  return NULL;
}

void keel__cancel_orphan(keel__cancel *cancel) {
  cancel->done = NULL;
}
