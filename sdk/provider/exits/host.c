/* As a program of Linux: what a system call takes that does next to nothing, on the CPU that it is put on. */
#include "exits.h"

#define SYS_WRITE 1
#define SYS_GETPPID 110
#define SYS_CLOCK_GETTIME 228
#define SYS_EXIT_GROUP 231
#define CLOCK_MONOTONIC_RAW 4
#define SECOND UINT64_C(1000000000)
/* Long enough that two readings of the clock say how fast cycles go. */
#define CALIBRATION (SECOND / 4)
#define TRIES 32

struct moment {
	uint64_t nanoseconds, cycles;
};

int linux_main(const uint64_t *stack);

INLINE int64_t
system_call(int64_t number, uint64_t one, uint64_t two, uint64_t three)
{
	int64_t result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(one), "S"(two), "d"(three)
			 : "rcx", "r11", "memory");
	return result;
}

static void
write_to_standard_output(const char *text, uint64_t length)
{
	while (length > 0) {
		int64_t written = system_call(SYS_WRITE, 1, (uint64_t)text, length);

		if (written <= 0)
			system_call(SYS_EXIT_GROUP, 1, 0, 0);
		text += written;
		length -= (uint64_t)written;
	}
}

static uint64_t
nanoseconds(void)
{
	struct {
		int64_t seconds, nanoseconds;
	} now;

	system_call(SYS_CLOCK_GETTIME, CLOCK_MONOTONIC_RAW, (uint64_t)&now, 0);
	return (uint64_t)now.seconds * SECOND + (uint64_t)now.nanoseconds;
}

/*
 * Clock and counter at one moment. Who is interrupted between the two reads them at two moments, and an emulated processor is interrupted for longer than a
 * thousandth of CALIBRATION: of many tries the one counts that took the shortest.
 */
static struct moment
moment(void)
{
	struct moment best = { 0, 0 };
	uint64_t shortest = UINT64_MAX;

	for (unsigned int try = 0; try < TRIES; try++) {
		uint64_t before = nanoseconds(), counter = cycles(), took = nanoseconds() - before;

		if (took < shortest) {
			shortest = took;
			best = (struct moment){ before + took / 2, counter };
		}
	}
	return best;
}

/* Cycles a second, to some millionths: the machine's kernel tells nobody what it holds them to be. */
static uint64_t
frequency(void)
{
	struct moment from = moment(), to;

	do
		to = moment();
	while (to.nanoseconds - from.nanoseconds < CALIBRATION);
	return (to.cycles - from.cycles) * SECOND / (to.nanoseconds - from.nanoseconds);
}

INLINE void
getppid(void)
{
	system_call(SYS_GETPPID, 0, 0, 0);
}

int
linux_main(const uint64_t *stack)
{
	uint64_t samples = stack[0] > 1 ? number_after((const char *)stack[2], "samples=", 0) : 0;

	output = write_to_standard_output;
	if (samples == 0) {
		print("{\"failed\":\"usage: nfvlab-exits samples=N\"}");
		print_line();
		return 2;
	}
	print("{\"nfvlabExits\":1,\"place\":\"host\",\"cyclesPerSecond\":");
	print_number(frequency());
	print("}");
	print_line();
	measure("getppid", samples, getppid);
	return 0;
}
