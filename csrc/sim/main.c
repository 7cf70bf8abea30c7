/* keel-sim --seed S --steps N --seeds K: N steps, shared out evenly over the seeds S, S + 1, ... */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim.h"

#define STEPS_PER_SEED 5000u

typedef struct options {
  uint64_t seed, steps, seeds;
  bool trace;
} options;

static bool take_number(int argc, char **argv, int *i, const char *name, uint64_t *out) {
  if (strcmp(argv[*i], name) != 0) return false;
  char *end = NULL;
  const char *text = *i + 1 < argc ? argv[++*i] : "";
  *out = strtoull(text, &end, 10);
  if (*text >= '0' && *text <= '9' && *end == 0) return true;
  fprintf(stderr, "%s needs a whole number, not \"%s\"\n", name, text);
  exit(2);
}

static options parse(int argc, char **argv) {
  options options = {.seed = 1, .steps = 1000000};
  for (int i = 1; i < argc; i++) {
    if (take_number(argc, argv, &i, "--seed", &options.seed)) continue;
    if (take_number(argc, argv, &i, "--steps", &options.steps)) continue;
    if (take_number(argc, argv, &i, "--seeds", &options.seeds)) continue;
    if (strcmp(argv[i], "--trace") == 0) {
      options.trace = true;
      continue;
    }
    fprintf(stderr, "usage: keel-sim [--seed S] [--steps N] [--seeds K] [--trace]\n");
    exit(2);
  }
  if (options.seeds == 0) options.seeds = (options.steps + STEPS_PER_SEED - 1) / STEPS_PER_SEED;
  if (options.seeds == 0) options.seeds = 1;
  return options;
}

typedef struct sums {
  uint64_t steps, pools, settled, grants, retried, cancels, lost, shed, breakers, checks, verdicts, doubts,
      resolved;
} sums;

static void add(sums *sum, const sim_world *world) {
  sum->steps += world->step;
  sum->pools += world->pools;
  sum->settled += world->settled;
  sum->grants += world->grants;
  sum->retried += world->retried;
  sum->cancels += world->cancels;
  sum->lost += world->lost;
  sum->shed += world->shed;
  sum->breakers += world->breakers;
  sum->checks += world->checks;
  sum->verdicts += world->verdicts;
  sum->doubts += world->doubts;
  sum->resolved += world->resolved;
}

int main(int argc, char **argv) {
  options options = parse(argc, argv);
  sim_world *world = calloc(1, sizeof *world);
  if (!world) return 2;
  world->trace = options.trace;
  clock_t begun = clock();
  sums sum = {0};
  uint64_t each = (options.steps + options.seeds - 1) / options.seeds;
  for (uint64_t i = 0; i < options.seeds; i++) {
    sim_run(world, options.seed + i, each);
    add(&sum, world);
  }
  printf("%" PRIu64 " steps over %" PRIu64 " seeds (%" PRIu64 " pools, %" PRIu64 " requests, %" PRIu64
         " leases, %" PRIu64 " retried, %" PRIu64 " cancels, %" PRIu64 " connections lost, %" PRIu64
         " refused for want of time, %" PRIu64 " breakers opened, %" PRIu64 " checked, health told %" PRIu64
         " times, %" PRIu64 " of %" PRIu64 " COMMITs in doubt resolved): no invariant broken, %.1f s\n",
         sum.steps, options.seeds, sum.pools, sum.settled, sum.grants, sum.retried, sum.cancels, sum.lost,
         sum.shed, sum.breakers, sum.checks, sum.verdicts, sum.resolved, sum.doubts,
         (double)(clock() - begun) / CLOCKS_PER_SEC);
  free(world);
  return 0;
}
