/*
 * As a guest of KVM, on bare metal of two vCPUs: what it takes to leave the guest and come back, to notify another vCPU, and to reach one that polls.
 * Prints to QEMU's debug console, and ends QEMU by its debug exit.
 */
#include "exits.h"

#define DEBUG_CONSOLE 0xe9
#define DEBUG_EXIT 0xf4
#define DIAGNOSTIC 0x80
#define EXIT_OK 0x10
#define EXIT_FAILED 0x11

#define WAKE_UP_AT UINT64_C(0x8000)
#define NOTIFICATION 0x40
#define SPURIOUS 0xff

#define MSR_APIC_BASE 0x1b
#define MSR_X2APIC 0x800
#define MSR_KVM_CLOCK 0x4b564d01
#define APIC UINT64_C(0xfee00000)
#define APIC_ID 0x20
#define APIC_SPURIOUS 0xf0
#define APIC_COMMAND 0x300
#define APIC_TARGET 0x310
#define COMMAND_PENDING (1u << 12)
#define COMMAND_INIT 0x4500
#define COMMAND_START 0x4600
#define COMMAND_FIXED 0x4000

/* A hypercall that KVM takes, and that has nothing to do. */
#define HYPERCALL_NOTHING 1
/* Longer than KVM polls for a vCPU that halts, before it lets its thread sleep: 200 us by default (halt_poll_ns). */
#define ASLEEP UINT64_C(2000000)
#define START_LIMIT UINT64_C(60000000000)

struct gate {
	uint16_t low, selector;
	uint8_t stack, type;
	uint16_t middle;
	uint32_t high, reserved;
};

enum order { WAIT, ANSWER, RUN, HALT };

/* Of boot.S. */
extern struct gate idt[256];
extern const char wake_up[], wake_up_end[], faults[][16];
extern void on_notification(void), on_nothing(void), on_invalid_opcode(void);
void guest_main(const uint8_t *start_info);
void second_main(void);
_Noreturn void on_fault(uint64_t vector);

/* Each in a cache line of its own: what one vCPU waits for, nobody else writes to. */
#define OWN_LINE __attribute__((aligned(128)))
volatile uint64_t notified OWN_LINE;
volatile uint64_t handled OWN_LINE;
static volatile uint64_t ball OWN_LINE;
static volatile enum order order OWN_LINE;
static volatile enum order obeyed OWN_LINE;
/* Where it goes on after an instruction that the processor does not have; 0 where nobody tries one. */
volatile uint64_t resume OWN_LINE;
volatile bool was_invalid;
bool x2apic;

static uint32_t own_id;

struct registers {
	uint32_t a, b, c, d;
};

INLINE struct registers
cpuid(uint32_t leaf)
{
	struct registers r;

	__asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(0));
	return r;
}

INLINE uint64_t
read_register(uint32_t number)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
	return (uint64_t)high << 32 | low;
}

INLINE void
write_register(uint32_t number, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(number), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static void
write_to_console(const char *text, uint64_t length)
{
	__asm__ volatile("rep outsb" : "+S"(text), "+c"(length) : "d"(DEBUG_CONSOLE) : "memory");
}

_Noreturn static void
leave(uint32_t code)
{
	for (;;)
		__asm__ volatile("outl %0, %w1; hlt" : : "a"(code), "d"(DEBUG_EXIT));
}

_Noreturn static void
fail(const char *why, uint64_t number)
{
	print("{\"failed\":\"");
	print(why);
	print_number(number);
	print("\"}");
	print_line();
	leave(EXIT_FAILED);
}

void
on_fault(uint64_t vector)
{
	fail("the guest met exception ", vector);
}

static void
set_gate(unsigned int vector, const void *to)
{
	uint64_t address = (uint64_t)to;

	idt[vector] = (struct gate){
		.low = (uint16_t)address,
		.selector = 0x18,
		.type = 0x8e,
		.middle = (uint16_t)(address >> 16),
		.high = (uint32_t)(address >> 32),
	};
}

/* The local APIC of the vCPU that asks. */
static uint32_t
read_apic(uint32_t offset)
{
	return x2apic ? (uint32_t)read_register(MSR_X2APIC + offset / 16) : *(volatile uint32_t *)(APIC + offset);
}

INLINE void
write_apic(uint32_t offset, uint32_t value)
{
	if (x2apic)
		write_register(MSR_X2APIC + offset / 16, value);
	else
		*(volatile uint32_t *)(APIC + offset) = value;
}

static void
start_apic(void)
{
	if (x2apic)
		write_register(MSR_APIC_BASE, read_register(MSR_APIC_BASE) | 0xc00);
	write_apic(APIC_SPURIOUS, 0x100 | SPURIOUS);
}

/* To the other vCPU: there are two, and they are numbered from 0. */
INLINE void
command(uint32_t what)
{
	uint32_t target = own_id ^ 1;

	if (x2apic) {
		write_register(MSR_X2APIC + APIC_COMMAND / 16, (uint64_t)target << 32 | what);
		return;
	}
	write_apic(APIC_TARGET, target << 24);
	write_apic(APIC_COMMAND, what);
}

static void
spin(uint64_t time)
{
	uint64_t from = cycles();

	while (cycles() - from < time)
		__builtin_ia32_pause();
}

/* The other vCPU looks for its orders all the time, until it halts: so each notification is one that is timed. */
static void
give(enum order new)
{
	uint64_t from = cycles();

	order = new;
	while (obeyed != new) {
		__builtin_ia32_pause();
		if (cycles() - from > START_LIMIT)
			fail("the second vCPU does not obey order ", new);
	}
}

static void
start_second(void)
{
	uint64_t size = (uint64_t)(wake_up_end - wake_up), from;

	for (uint64_t i = 0; i < size; i++)
		((volatile char *)WAKE_UP_AT)[i] = wake_up[i];
	obeyed = HALT;
	command(COMMAND_INIT);
	spin(50000000);
	for (from = cycles(); obeyed != WAIT;) {
		command(COMMAND_START | (uint32_t)(WAKE_UP_AT >> 12));
		spin(1000000);
		if (cycles() - from > START_LIMIT)
			fail("the second vCPU does not start: local APIC ", read_apic(APIC_ID));
	}
}

void
second_main(void)
{
	start_apic();
	for (;;) {
		enum order now = order;
		uint64_t seen = ball;

		__asm__ volatile("cli");
		obeyed = now;
		switch (now) {
		case ANSWER:
			while (order == ANSWER) {
				if (ball != seen) {
					seen = ball + 1;
					ball = seen;
				}
				__builtin_ia32_pause();
			}
			break;
		case HALT:
			while (order == HALT)
				__asm__ volatile("sti; hlt; cli" : : : "memory");
			break;
		case WAIT:
		case RUN:
			__asm__ volatile("sti");
			while (order == now)
				__builtin_ia32_pause();
			break;
		}
	}
}

INLINE void
nothing(void)
{
}

static bool is_amd;

INLINE void
hypercall(void)
{
	uint64_t result = HYPERCALL_NOTHING;

	if (is_amd)
		__asm__ volatile("vmmcall" : "+a"(result) : : "memory");
	else
		__asm__ volatile("vmcall" : "+a"(result) : : "memory");
}

INLINE void
cpuid_exit(void)
{
	cpuid(0);
}

/* To QEMU and back: a port with nothing behind it. */
INLINE void
user_space_exit(void)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"((uint16_t)DIAGNOSTIC));
}

/* Function 0 of Intel's VMFUNC: to another of the tables of pages that the hypervisor keeps for the guest, here the one in force. */
INLINE void
vmfunc(void)
{
	__asm__ volatile(".byte 0x0f, 0x01, 0xd4" : : "a"(0), "c"(0) : "memory");
}

static bool
has_vmfunc(void)
{
	was_invalid = false;
	__asm__ volatile("movq $1f, %0\n\t.byte 0x0f, 0x01, 0xd4\n1:\tmovq $0, %0" : "=m"(resume) : "a"(0), "c"(0) : "memory");
	return !was_invalid;
}

INLINE void
round_trip(void)
{
	uint64_t answer = ball + 2;

	ball = answer - 1;
	while (ball != answer)
		__builtin_ia32_pause();
}

/* Until the other vCPU's interrupt says that it runs. */
static void
measure_notification(const char *name, uint64_t samples, uint64_t rest)
{
	uint64_t from, to, next;

	count_anew();
	for (uint64_t i = 0; i < samples + samples / 16 + 1; i++) {
		while (handled != notified)
			__builtin_ia32_pause();
		spin(rest);
		next = notified + 1;
		from = cycles();
		command(COMMAND_FIXED | NOTIFICATION);
		while (notified != next)
			__builtin_ia32_pause();
		to = cycles();
		if (i > samples / 16)
			count(to - from);
	}
	report(name);
}

/* What KVM holds the frequency of the counter to be, by its clock for guests; 0 where it has none. */
static uint64_t
frequency(void)
{
	static struct {
		uint32_t version, padding;
		uint64_t counter, time;
		uint32_t multiplier;
		int8_t shift;
		uint8_t flags, more[2];
	} clock __attribute__((aligned(64)));
	uint64_t kilohertz;

	if ((cpuid(0x40000001).a & 1u << 3) == 0)
		return 0;
	write_register(MSR_KVM_CLOCK, (uint64_t)&clock | 1);
	__asm__ volatile("" : : : "memory");
	if (clock.multiplier == 0)
		return 0;
	kilohertz = (UINT64_C(1000000) << 32) / clock.multiplier;
	kilohertz = clock.shift < 0 ? kilohertz << -clock.shift : kilohertz >> clock.shift;
	write_register(MSR_KVM_CLOCK, 0);
	return kilohertz * 1000;
}

static void
print_words(const uint32_t *words, unsigned int count)
{
	char text[13] = { 0 };

	for (unsigned int i = 0; i < count * 4; i++) {
		char letter = (char)(words[i / 4] >> (8 * (i % 4)));

		/* A signature may end with bytes that are no letters. */
		text[i] = letter >= ' ' && letter <= '~' && letter != '"' && letter != '\\' ? letter : '\0';
	}
	print(text);
}

void
guest_main(const uint8_t *start_info)
{
	const char *words = (const char *)*(const uint64_t *)(start_info + 24);
	uint64_t samples = number_after(words, "samples=", 1000);
	struct registers vendor = cpuid(0), features = cpuid(1), hypervisor = { 0 };
	bool kvm, is_intel;

	output = write_to_console;
	for (unsigned int vector = 0; vector < 32; vector++)
		set_gate(vector, faults[vector]);
	set_gate(6, on_invalid_opcode);
	set_gate(NOTIFICATION, on_notification);
	set_gate(SPURIOUS, on_nothing);
	if ((features.c & 1u << 31) != 0)
		hypervisor = cpuid(0x40000000);
	kvm = hypervisor.b == 0x4b4d564b && hypervisor.c == 0x564b4d56 && hypervisor.d == 0x4d;
	is_amd = vendor.b == 0x68747541 || vendor.b == 0x6f677948;
	is_intel = vendor.b == 0x756e6547;
	x2apic = (features.c & 1u << 21) != 0;
	start_apic();
	own_id = x2apic ? read_apic(APIC_ID) : read_apic(APIC_ID) >> 24;

	print("{\"nfvlabExits\":1,\"place\":\"guest\",\"hypervisor\":\"");
	print_words((const uint32_t[]){ hypervisor.b, hypervisor.c, hypervisor.d }, 3);
	print("\",\"vendor\":\"");
	print_words((const uint32_t[]){ vendor.b, vendor.d, vendor.c }, 3);
	print("\",\"apic\":\"");
	print(x2apic ? "x2apic" : "xapic");
	print("\",\"cyclesPerSecond\":");
	print_number(kvm ? frequency() : 0);
	print("}");
	print_line();

	measure("none", samples, nothing);
	if (kvm)
		measure("hypercall", samples, hypercall);
	else
		report_missing("hypercall", "the hypervisor is not KVM");
	measure("cpuid", samples, cpuid_exit);
	measure("user-space", samples, user_space_exit);
	start_second();
	give(ANSWER);
	measure("polling", samples, round_trip);
	give(RUN);
	measure_notification("notification", samples, 0);
	give(HALT);
	measure_notification("notification-halted", samples / 10 + 1, ASLEEP);
	if (!is_intel)
		report_missing("vmfunc", "Intel's processors alone have the instruction");
	else if (has_vmfunc())
		measure("vmfunc", samples, vmfunc);
	else
		report_missing("vmfunc", "the hypervisor gives its guests no VMFUNC");
	print("{\"done\":true}");
	print_line();
	leave(EXIT_OK);
}
