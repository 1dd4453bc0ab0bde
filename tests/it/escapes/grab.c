/* Is loaded into whatever program runs in a container, and says what it can do to that program's file. Writes nothing. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

struct attributes { unsigned long long set, clear, propagation, user; };

static const char *said(long answer) { return answer < 0 ? strerror(errno) : "yes"; }

__attribute__((constructor)) static void grab(void) {
    /* Kept open as an attacker would: until nobody runs it any more. */
    int kept = open("/proc/self/exe", O_RDONLY);
    char name[64];
    struct statvfs where;
    struct attributes writable = { .clear = 1 /* MOUNT_ATTR_RDONLY */ };
    snprintf(name, sizeof name, "/proc/self/fd/%d", kept);
    memset(&where, 0, sizeof where);
    fstatvfs(kept, &where);
    printf("read-only: %s\n", where.f_flag & ST_RDONLY ? "yes" : "no");
    printf("may write: %s\n", said(faccessat(AT_FDCWD, name, W_OK, AT_EACCESS)));
    printf("can change: %s\n", said(fchmodat(AT_FDCWD, name, 0755, 0)));
    printf("can unseal: %s\n", said(syscall(442 /* mount_setattr */, kept, "", AT_EMPTY_PATH, &writable, sizeof writable)));
    fflush(stdout);
    _exit(kept < 0);
}
