//! The system calls that a run needs. Every other is answered as if the kernel had never heard of it (`ENOSYS`): a C library
//! that tries something newer then falls back to what is here, and what is absent needs no list.
//!
//! A list of what is forbidden would not do: `io_uring` makes sockets without a call of that name, and the x32 numbers are
//! second names for everything.

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};

use super::{Hardening, Measure};

/// Memory, threads, clocks, and descriptors that are already open.
const ALWAYS: &[c_long] = &[
    // Memory. `mprotect` may make it executable: V8 compiles.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mincore,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_pkey_alloc,
    libc::SYS_pkey_free,
    libc::SYS_pkey_mprotect,
    // Threads (`clone` has a rule of its own).
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getcpu,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getpriority,
    libc::SYS_gettid,
    libc::SYS_membarrier,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    // Signals, but none to others.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    // Clocks and chance.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    libc::SYS_sysinfo,
    libc::SYS_times,
    libc::SYS_uname,
    // Descriptors that are open, and the event loop's.
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_ftruncate,
    libc::SYS_lseek,
    libc::SYS_memfd_create,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_write,
    libc::SYS_writev,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_time,
];

/// Where there are roots, landlock says which files.
const FILES: &[c_long] = &[
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fallocate,
    libc::SYS_fdatasync,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_mkdirat,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_readlinkat,
    libc::SYS_renameat2,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_unlinkat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_access,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
];

/// To speak to others; nobody listens in a child.
const NETWORK: &[c_long] = &[
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_recvfrom,
    libc::SYS_recvmmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
];

/// Names of threads and of memory, and what the kernel told the program when it started (`PR_GET_AUXV`).
const PRCTL: [i32; 4] = [libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA, 0x4155_5856];

pub(super) fn restrict(hardening: &Hardening) -> Measure {
    let done = program(hardening).and_then(|program| apply_filter(&program).map_err(|error| error.to_string()));
    done.map_or_else(Measure::Unavailable, |()| Measure::Applied)
}

fn program(hardening: &Hardening) -> Result<BpfProgram, String> {
    let target = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| error.to_string())?;
    let files = !hardening.readable.is_empty() || !hardening.writable.is_empty();
    let mut lists = vec![ALWAYS];
    lists.extend(files.then_some(FILES));
    lists.extend(hardening.network.then_some(NETWORK));
    let mut rules: Vec<(c_long, Vec<SeccompRule>)> =
        lists.into_iter().flatten().map(|call| (*call, Vec::new())).collect();

    let is = |argument, value: u64| condition(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value);
    let build = || -> Result<_, seccompiler::BackendError> {
        let thread = libc::CLONE_THREAD as u64;
        let a_thread = condition(0, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(thread), thread)?;
        rules.push((libc::SYS_clone, vec![SeccompRule::new(vec![a_thread])?]));
        // `abort` sends its signal to its own process.
        rules.push((libc::SYS_tgkill, vec![SeccompRule::new(vec![is(0, std::process::id().into())?])?]));
        // The event loop tells itself of signals; such a pair reaches nobody else.
        rules.push((libc::SYS_socketpair, vec![SeccompRule::new(vec![is(0, libc::AF_UNIX as u64)?])?]));
        if hardening.network {
            // The internet, and what the C library asks the kernel about it; no sockets of this machine's services.
            let families = [libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
            let families = families.iter().map(|family| SeccompRule::new(vec![is(0, *family as u64)?]));
            rules.push((libc::SYS_socket, families.collect::<Result<_, _>>()?));
        }
        // Limits are read and not set.
        let nothing = condition(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?;
        rules.push((libc::SYS_prlimit64, vec![SeccompRule::new(vec![is(0, 0)?, nothing])?]));
        let names = PRCTL.iter().map(|name| SeccompRule::new(vec![is(0, *name as u64)?]));
        rules.push((libc::SYS_prctl, names.collect::<Result<_, _>>()?));
        let absent = SeccompAction::Errno(libc::ENOSYS as u32);
        let filter = SeccompFilter::new(rules.into_iter().collect(), absent, SeccompAction::Allow, target)?;
        BpfProgram::try_from(filter)
    };
    build().map_err(|error| error.to_string())
}

fn condition(
    argument: u8,
    length: SeccompCmpArgLen,
    operator: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, length, operator, value)
}
