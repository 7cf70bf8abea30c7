/* estimates.c: how long statements take, by the number of their text. */
#include "alloc.h"
#include "share.h"

#define PLACES 4096u /* a power of two */
/* Weight of a new sample; a usual choice for a mean that follows (RFC 6298 smooths round trips so). */
#define GAIN 0.125f
#define DEVIATION_GAIN 0.25f
#define MARGIN 2.0f /* deviations */

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
    *estimate = (keel__estimate){.text = text, .cost = (float)took, .deviation = (float)took / 2};
  } else {
    float error = (float)took - estimate->cost;
    estimate->cost += error * GAIN;
    estimate->deviation += ((error < 0 ? -error : error) - estimate->deviation) * DEVIATION_GAIN;
  }
}

static const keel__estimate *find(const keel__estimates *estimates, uint32_t text) {
  if (text == 0 || !estimates->places) return NULL;
  const keel__estimate *estimate = place_of(estimates, text);
  return estimate->text == text ? estimate : NULL;
}

bool keel__estimates_need(const keel__estimates *estimates, uint32_t text, keel__time *need) {
  const keel__estimate *estimate = find(estimates, text);
  if (estimate) *need = (keel__time)(estimate->cost + MARGIN * estimate->deviation);
  return estimate != NULL;
}

bool keel__estimates_find(const keel__estimates *estimates, uint32_t text, uint32_t *cost) {
  const keel__estimate *estimate = find(estimates, text);
  if (!estimate) return false;
  *cost = estimate->cost < (float)UINT32_MAX ? (uint32_t)estimate->cost : UINT32_MAX;
  return true;
}
