/**
 * Parameters that kernels of x86-64 know, beside those that have a field of their own. Names are the kernel's; it reads `-` and `_` alike.
 *
 * @see https://docs.kernel.org/admin-guide/kernel-parameters.html
 */
const NAMES = `
acpi acpi_apic_instance acpi_backlight acpi_enforce_resources acpi_irq_balance acpi_irq_isa acpi_irq_nobalance acpi_irq_pci acpi_mask_gpe
acpi_no_auto_serialize acpi_no_memhotplug acpi_no_static_ssdt acpi_no_watchdog acpi_osi acpi_rev_override acpi_rsdp acpi_sci
acpi_serialize acpi_sleep acpi_use_timer_override add_efi_memmap alloc_snapshot amd_iommu_dump amd_iommu_intr amd_prefcore apic
apic_extnmi apicpmtimer apparmor apparmor.enabled autoconf bert_disable bgrt_disable blkdevparts boot_delay bootconfig cgroup.memory
cgroup_disable cgroup_favordynmods cgroup_no_v1 checkreqprot clearcpuid clk_ignore_unused cma coherent_pool console console_msg_format
console_no_auto consoleblank coredump_filter coresight_cpu_debug.enable cpu_init_udelay cpufreq.default_governor cpufreq.off
cpuidle.governor cpuidle.off cpuset_v1_mode crash_kexec_post_notifiers crashkernel cryptomgr.notests csdlock_debug debug
debug_boot_weak_hash debug_guardpage_minorder debug_locks_verbose debug_objects debug_pagealloc debugfs debugpat deferred_probe_timeout
delayacct dhash_entries dis_ucode_ldr disable_cpu_apicid disable_dma32 disable_ipv6 disable_mtrr_cleanup disable_mtrr_trim
disable_timer_pin_1 dma_debug dma_debug_driver dma_debug_entries driver_async_probe drm.edid_firmware dump_apple_properties dyndbg
early_ioremap_debug early_page_ext earlycon earlyprintk edac_report edd efi efi_fake_mem efi_no_storage_paranoia efivar_ssdt elfcorehdr
enable_mtrr_cleanup enable_timer_pin_1 enforcing erst_disable evm extra_latent_entropy fail_futex fail_make_request fail_page_alloc
fail_usercopy failslab fault_around_bytes fred ftrace ftrace_boot_snapshot ftrace_dump_on_oops ftrace_filter ftrace_graph_filter
ftrace_graph_max_depth ftrace_graph_notrace ftrace_notrace fw_devlink fw_devlink.strict gart_fix_e820 gather_data_sampling gbpages
gcov_persist gpt hardened_usercopy hardlockup_all_cpu_backtrace hash_pointers hashdist hest_disable hibernate highres hlt_poll hpet_mmap
hugetlb_cma hugetlb_free_vmemmap hung_task_panic hv_nopvspin i8042.noloop i8042.nomux i915.enable_psr ia32_emulation idxd.sva
idxd.tc_override ignore_loglevel ignore_rlimit_data ihash_entries ima_appraise ima_canonical_fmt ima_hash ima_policy ima_tcb ima_template
init_on_alloc init_on_free init_pkru initcall_blacklist initcall_debug initramfs_async integrity_audit intel_idle.preferred_cstates
intel_idle.states_off intel_idle.use_acpi intremap io_delay iomem iommu.forcedac iommu.passthrough iommu.strict ip ipcmni_extend irqfixup
irqpoll ivrs_acpihid ivrs_hpet ivrs_ioapic kasan_multi_shot keepinitrd kernelcore kfence.sample_interval kgdbdbgp kgdboc kgdbwait kmemleak
kprobe_event kpti kunit.enable kvm-intel.nested kvm.eager_page_split kvm.enable_virt_at_load kvm.enable_vmware_backdoor kvm.halt_poll_ns
kvm.ignore_msrs kvm.kvmclock_periodic_sync kvm.lapic_timer_advance_ns kvm.min_timer_period_us kvm.mitigate_smt_rsb kvm.nx_huge_pages
kvm.nx_huge_pages_recovery_period_ms kvm.nx_huge_pages_recovery_ratio kvm.pi_inject_timer kvm.report_ignored_msrs kvm.tdp_mmu kvm_amd.avic
kvm_amd.nested kvm_amd.npt kvm_amd.sev kvm_intel.emulate_invalid_guest_state kvm_intel.enable_apicv kvm_intel.enable_shadow_vmcs
kvm_intel.ept kvm_intel.flexpriority kvm_intel.nested kvm_intel.ple_gap kvm_intel.ple_window kvm_intel.preemption_timer
kvm_intel.unrestricted_guest kvm_intel.vmentry_l1d_flush kvm_intel.vpid l1d_flush l1tf lapic lapic_timer_c2_ok libata.allow_tpm libata.dma
libata.force libata.ignore_hpa libata.noacpi lockd.nlm_grace_period lockdown log_buf_len loglevel lpj lsm lsm.debug max_loop maxcpus mds
mem mem_encrypt mem_sleep memblock memhp_default_state memmap memory_corruption_check memory_corruption_check_period
memory_corruption_check_size memory_hotplug.memmap_on_memory memory_hotplug.online_policy memtest microcode microcode.force_minrev
mminit_loglevel mmio_stale_data mmu_gather module.async_probe module.enable_dups_trace module.sig_enforce module_blacklist movable_node
movablecore mtdparts mtrr_chunk_size mtrr_gran_size mtrr_spare_reg_nr netdev netpoll.carrier_timeout nf_conntrack.acct
nfs.callback_tcpport nfs4.layoutstats_timer nfsaddrs nfsd.nfs4_disable_idmapping nfsroot nmi_backtrace.backtrace_idle nmi_debug no-hlt
no-kvmapf no-kvmclock no-scroll no-steal-acc no-vmw-sched-clock no5lvl no_console_suspend no_debug_objects no_entry_flush no_file_caps
no_hash_pointers no_timer_check no_uaccess_flush noaliencache noapic noautogroup noclflush nocst nodelayacct noefi noexec nofsgsbase
nofxsr nogbpages nohibernate nohugeiomap nohugevmalloc noinitrd nointremap noinvpcid noirqdebug nokaslr nokprobe nolapic nolapic_dma
nolapic_timer nomodeset nonmi_ipi nopat nopcid nopku nopti nopv nopvspin norandmaps noreplace-smp noresume nosgx nosmap nosmep nosmp
nospec_store_bypass_disable nospectre_bhb nospectre_v1 nospectre_v2 noswapaccount notsc nousb nousershstk nouveau.modeset nox2apic noxsave
noxsaveopt noxsaves nr_cpus numa nvme.poll_queues nvme.use_threaded_interrupts nvme_core.default_ps_max_latency_us nvme_core.io_timeout
nvme_core.multipath ohci1394_dma oops oops_limit page_alloc.shuffle page_owner page_poison page_reporting.page_reporting_order panic
panic_on_oops panic_on_taint panic_on_warn panic_print pause_on_oops pci pcie_acs_override pcie_bus_config pcie_hp pcie_pme pcie_port_pm
pcie_ports pd_ignore_unused percpu_alloc pm_async pm_debug_messages pmu_override pnp.debug pnp_reserve_dma pnp_reserve_io pnp_reserve_irq
pnp_reserve_mem pnpacpi possible_cpus print-fatal-signals printk.always_kmsg_dump printk.console_no_auto_verbose printk.devkmsg
printk.time printk_delay proc_mem.force_override processor.ignore_ppc processor.ignore_tpc processor.nocst profile prompt_ramdisk psi
psmouse.proto psmouse.rate psmouse.resetafter psmouse.resolution psmouse.smartscroll pstore.backend pti pty.legacy_count quiet
ramdisk_size random.trust_bootloader random.trust_cpu randomize_kstack_offset ras rcu_tasks_lazy_ms rcupdate.rcu_cpu_stall_cputime
rcupdate.rcu_cpu_stall_suppress rcupdate.rcu_cpu_stall_timeout rcupdate.rcu_exp_cpu_stall_timeout rcupdate.rcu_expedited
rcupdate.rcu_normal rcupdate.rcu_task_ipi_delay rcupdate.rcu_task_stall_timeout rcupdate.rcu_tasks_trace_lazy_ms rcutree.blimit
rcutree.do_rcu_barrier rcutree.dump_tree rcutree.enable_rcu_lazy rcutree.enable_skip_rcu rcutree.gp_cleanup_delay rcutree.gp_init_delay
rcutree.gp_preinit_delay rcutree.jiffies_till_first_fqs rcutree.jiffies_till_next_fqs rcutree.jiffies_till_sched_qs rcutree.kthread_prio
rcutree.qhimark rcutree.qlowmark rcutree.qovld rcutree.rcu_delay_page_cache_fill_msec rcutree.rcu_divisor rcutree.rcu_fanout_exact
rcutree.rcu_fanout_leaf rcutree.rcu_kick_kthreads rcutree.rcu_min_cached_objs rcutree.rcu_nocb_gp_stride rcutree.rcu_resched_ns
rcutree.rcu_unlock_delay rcutree.sysrq_rcu rcutree.use_softirq rdt reboot reboot_cpu reg_file_data_sampling relative_sleep_states
relax_domain_level reserve reserve_mem resume resume_offset resumedelay resumewait retain_initrd retbleed rfkill.default_state
rfkill.master_switch_mode ring3mwait rodata rootdelay rootwait sched_debug sched_proxy_exec sched_thermal_decay_shift sched_verbose
schedstats scsi_debug_levels scsi_mod.scan scsi_mod.use_blk_mq secretmem.enable security selinux slab_max_order slab_merge
slab_min_objects slab_min_order slab_nomerge slab_strict_numa slub_debug slub_max_order slub_merge slub_min_objects slub_min_order
slub_nomerge smp.csd_lock_timeout smp.panic_on_ipistall softlockup_panic spec_rstack_overflow spec_store_bypass_disable spectre_bhi
spectre_v2 spectre_v2_user split_lock_detect split_lock_mitigate srbds stack_depot_disable stack_depot_max_pools stacktrace
stacktrace_filter suspend.pm_test_delay swiotlb sysfs.deprecated sysrq_always_enabled test_suspend thash_entries thermal.act thermal.crt
thermal.off thermal.psv thermal.tzp thp_anon thp_shmem threadirqs torture.disable_onoff_at_boot tp_printk tp_printk_stop_on_boot
tpm.disable_pcr_integrity tpm_suspend_pcr tpm_tis.force trace_buf_size trace_clock trace_event trace_instance trace_options trace_trigger
traceoff_after_boot traceoff_on_warning transparent_hugepage_shmem transparent_hugepage_tmpfs trusted.source tsx tsx_async_abort
uhash_entries unknown_nmi_panic unwind_debug usb-storage.delay_use usb-storage.quirks usbcore.authorized_default usbcore.autosuspend
usbcore.blinkenlights usbcore.initial_descriptor_timeout usbcore.nousb usbcore.old_scheme_first usbcore.quirks usbcore.usbfs_memory_mb
usbcore.usbfs_snoop usbhid.jspoll usbhid.mousepoll usbhid.quirks vdso vdso32 vfio-pci.disable_denylist vfio-pci.disable_idle_d3
vfio-pci.disable_vga vfio-pci.enable_sriov vfio-pci.ids vfio-pci.nointxmask vfio_iommu_type1.allow_unsafe_interrupts
vfio_iommu_type1.disable_hugepages vga video virtio_mmio.device vm_debug vmalloc vmscape vsyscall vt.color vt.cur_default vt.default_blu
vt.default_grn vt.default_red vt.default_utf8 vt.global_cursor_default vt.handoff watchdog.handle_boot_enabled watchdog_thresh
workqueue.cpu_intensive_thresh_us workqueue.cpu_intensive_warning_thresh workqueue.debug_force_rr_cpu workqueue.default_affinity_scope
workqueue.disable_numa workqueue.panic_on_stall workqueue.power_efficient workqueue.unbound_cpus workqueue.watchdog_thresh x2apic_phys
x86_intel_mid_timer xen.balloon_boot_timeout xen.event_eoi_delay xen.event_loop_timeout xen.fifo_events xen_512gb_limit xen_emul_unplug
xen_legacy_crash xen_mc_debug xen_nopv xen_nopvspin xen_scrub_pages xen_timer_slop xhci-hcd.quirks zswap.accept_threshold_percent
zswap.compressor zswap.enabled zswap.max_pool_percent zswap.zpool
`;

/** Families of which every name is for user space or the initial file system. */
const FAMILIES = [
  "systemd.",
  "rd.",
  "udev.",
  "luks.",
  "fsck.",
  "quota",
  "net.ifnames",
  "biosdevname",
  "cloud-init",
];

const known = new Map(
  NAMES.trim()
    .split(/\s+/)
    .map((name) => [spelled(name), name] as const),
);

/** The form in which the kernel compares names: `-` and `_` are one to it. */
export function spelled(name: string): string {
  return name.replaceAll("-", "_");
}

/** Whether kernels, or what runs right after them, know a parameter of this name. */
export function isKnownParameter(name: string): boolean {
  return known.has(spelled(name)) || FAMILIES.some((family) => spelled(name).startsWith(spelled(family)));
}

/**
 * The known name that a name was probably meant for, where it is one or two slips of the hand away. `names` come first.
 *
 * @example nearestParameter("pcie_asmp", ["pcie_aspm"]); // "pcie_aspm"
 */
export function nearestParameter(name: string, names: Iterable<string>): string | undefined {
  const slips = name.length < 5 ? 1 : 2;
  let best: { name: string; distance: number } | undefined;
  for (const candidate of [...names, ...known.values()]) {
    const distance = slipsBetween(spelled(name), spelled(candidate), slips);
    if (distance <= slips && distance < (best?.distance ?? slips + 1)) best = { name: candidate, distance };
  }
  return best?.name;
}

/** Letters missing, too many, wrong or swapped, counted up to `most` and one. */
function slipsBetween(one: string, other: string, most: number): number {
  if (Math.abs(one.length - other.length) > most) return most + 1;
  let [beforeLast, last] = [[] as number[], Array.from({ length: other.length + 1 }, (_, index) => index)];
  for (let row = 1; row <= one.length; row += 1) {
    const next = [row];
    for (let column = 1; column <= other.length; column += 1) {
      const wrong = one[row - 1] === other[column - 1] ? 0 : 1;
      let count = Math.min(
        (last[column] ?? 0) + 1,
        (next[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + wrong,
      );
      const swapped = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      if (row > 1 && column > 1 && swapped) count = Math.min(count, (beforeLast[column - 2] ?? 0) + 1);
      next.push(count);
    }
    [beforeLast, last] = [last, next];
  }
  return last[other.length] ?? most + 1;
}
