/* estimates.c: how long statements take, by the number of their text. */
#include "alloc.h"
#include "share.h"

#define PLACES 4096u /* a power of two */
/* Weight of a new sample; a usual choice for a mean that follows (RFC 6298 smooths round trips so). */
#define GAIN 0.125f

void keel__estimates_free(keel__estimates *estimates) {
  keel__free(estimates->places);
  estimates->places = NULL;
}

static keel__estimate *place_of(const keel__estimates *estimates, uint32_t text) {
  return &estimates->places[text & (PLACES - 1)];
}

void keel__estimates_record(keel__estimates *estimates, uint32_t text, keel__time took) {
  if (text == 0) return;
  if (!estimates->places) estimates->places = keel__alloc(PLACES * sizeof *estimates->places);
  if (!estimates->places) return;
  keel__estimate *estimate = place_of(estimates, text);
  if (estimate->text != text) {
    *estimate = (keel__estimate){.text = text, .cost = (float)took};
  } else {
    estimate->cost += ((float)took - estimate->cost) * GAIN;
  }
}

bool keel__estimates_find(const keel__estimates *estimates, uint32_t text, uint32_t *cost) {
  if (text == 0 || !estimates->places) return false;
  const keel__estimate *estimate = place_of(estimates, text);
  if (estimate->text != text) return false;
  *cost = estimate->cost < (float)UINT32_MAX ? (uint32_t)estimate->cost : UINT32_MAX;
  return true;
}
