#ifndef NFVLAB_ARGUMENT_H
#define NFVLAB_ARGUMENT_H

#include <stdint.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Exit codes: those of sysexits(3) say who can act. */
#define EXIT_USAGE 64
#define EXIT_UNAVAILABLE 69
#define EXIT_MEMORY 71
#define EXIT_NO_PATH 75

struct mac {
	uint8_t bytes[6];
};

/* Of the program that this is built into: what its errors begin with. */
extern const char program_name[];

/* Ends the program with this code and a sentence on standard error. */
void fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

/* What an option's argument says; each ends the program where it is not understood. */
uint64_t argument_number(const char *option, const char *text, uint64_t min, uint64_t max);
struct mac argument_mac(const char *option, const char *text);
/* Index of the word. */
unsigned int argument_choice(const char *option, const char *text, const char *const *words, unsigned int count);

#endif
