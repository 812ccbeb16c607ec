/*
 * Two ways into one program: Linux starts it as any other, and QEMU as the kernel of a guest (PVH: 32-bit protected mode, no paging). Of the guest, what can't be said in C:
 * both vCPUs' way to long mode, and its interrupts.
 */
#define CODE32 0x08
#define DATA 0x10
#define CODE64 0x18
#define STACK 16384
#define EFER 0xc0000080
#define X2APIC_EOI 0x80b
#define APIC_EOI 0xfee000b0

	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 8, 18 /* lengths of name and value; XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.quad pvh_start

	.text
	.code64
	.globl _start
_start:
	movq %rsp, %rdi
	andq $-16, %rsp
	call linux_main
	movl %eax, %edi
	movl $231, %eax /* exit_group */
	syscall

	.code32
pvh_start:
	cld
	movl %ebx, start_info
	lgdt gdt_pointer
	ljmp $CODE32, $first_vcpu
first_vcpu:
	/* The first 4 GiB at their own addresses, 2 MiB a page: present, writable, large. */
	movl $directories, %edi
	movl $0x83, %eax
1:	movl %eax, (%edi)
	addl $0x200000, %eax
	addl $8, %edi
	cmpl $directories_end, %edi
	jb 1b
	movl $directories + 3, %eax
	movl $pointers, %edi
	movl $4, %ecx
1:	movl %eax, (%edi)
	addl $4096, %eax
	addl $8, %edi
	loop 1b
	movl $pointers + 3, tables
	movl $first_stack + STACK, %esp
	movl $guest_main, %ebp
	jmp long_mode
second_vcpu:
	movl $second_stack + STACK, %esp
	movl $second_main, %ebp
long_mode:
	movl $DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %cr4, %eax
	orl $0x620, %eax /* PAE, OSFXSR, OSXMMEXCPT */
	movl %eax, %cr4
	movl $tables, %eax
	movl %eax, %cr3
	movl $EFER, %ecx
	rdmsr
	orl $0x100, %eax /* LME */
	wrmsr
	movl %cr0, %eax
	andl $~4, %eax /* EM */
	orl $0x80000003, %eax /* PG, MP, PE */
	movl %eax, %cr0
	ljmp $CODE64, $in_long_mode
	.code64
in_long_mode:
	lidt idt_pointer
	movl start_info, %edi
	movl %ebp, %eax
	call *%rax
1:	cli
	hlt
	jmp 1b

	/* Where the second vCPU wakes up, in real mode: copied to the start of a page below 1 MiB. */
	.code16
	.globl wake_up, wake_up_end
wake_up:
	cli
	movw %cs, %ax
	movw %ax, %ds
	lgdtl wake_up_gdt - wake_up
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	ljmpl $CODE32, $second_vcpu
wake_up_gdt:
	.word gdt_end - gdt - 1
	.long gdt
wake_up_end:

	.code64
	/* A notification has arrived: said before the interrupt is ended, which may be an exit by itself. */
	.globl on_notification
on_notification:
	pushq %rax
	pushq %rcx
	pushq %rdx
	incq notified
	call end_interrupt
	incq handled
	popq %rdx
	popq %rcx
	popq %rax
	iretq

	.globl on_nothing
on_nothing:
	iretq

end_interrupt:
	cmpb $0, x2apic
	je 1f
	movl $X2APIC_EOI, %ecx
	xorl %eax, %eax
	xorl %edx, %edx
	wrmsr
	ret
1:	movl $APIC_EOI, %eax
	movl $0, (%rax)
	ret

	/* An instruction that the processor does not have: goes on where the one who tried it said, else it is a fault as any other. */
	.globl on_invalid_opcode
on_invalid_opcode:
	cmpq $0, resume
	je fault_6
	pushq %rax
	movq resume, %rax
	movq %rax, 8(%rsp)
	popq %rax
	movb $1, was_invalid
	iretq

	/* Entries of 16 bytes, one for each exception. */
	.balign 16
	.globl faults
faults:
	.set vector, 0
	.rept 32
	.balign 16
	.if vector == 6
fault_6:
	.endif
	movl $vector, %edi
	jmp on_fault
	.set vector, vector + 1
	.endr

	.data
	.balign 8
gdt:
	.quad 0
	.quad 0x00cf9a000000ffff
	.quad 0x00cf92000000ffff
	.quad 0x00af9a000000ffff
gdt_end:
gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt
	.balign 8
idt_pointer:
	.word 256 * 16 - 1
	.quad idt

	.bss
	.balign 4096
tables:
	.skip 4096
pointers:
	.skip 4096
directories:
	.skip 4 * 4096
directories_end:
	.globl idt
idt:
	.skip 256 * 16
first_stack:
	.skip STACK
second_stack:
	.skip STACK
	.globl start_info
start_info:
	.skip 8

	.section .note.GNU-stack, "", @progbits
