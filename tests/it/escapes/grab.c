/* Waits in a container for a program that is none of it, and says what it can do to that program's file. Writes nothing. */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
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

/* Tells whether an open program is one of those in the arguments, or this one. */
static int is_known(int program, char **known) {
    struct stat it, other;
    if (fstat(program, &it)) return 1;
    for (; *known; known++)
        if (!stat(*known, &other) && it.st_dev == other.st_dev && it.st_ino == other.st_ino) return 1;
    return 0;
}

/* Opens the program of any process that is none of the known ones; -1 while there is none. Kept open as an attacker would: until nobody runs it any more. */
static int find(char **known) {
    DIR *processes = opendir("/proc");
    struct dirent *entry;
    int found = -1;
    while (found < 0 && (entry = readdir(processes))) {
        char name[300];
        if (!isdigit((unsigned char)entry->d_name[0])) continue;
        snprintf(name, sizeof name, "/proc/%s/exe", entry->d_name);
        found = open(name, O_RDONLY);
        if (found >= 0 && is_known(found, known)) {
            close(found);
            found = -1;
        }
    }
    closedir(processes);
    return found;
}

int main(int count, char **arguments) {
    int kept;
    char name[64];
    struct statvfs where;
    struct attributes writable = { .clear = 1 /* MOUNT_ATTR_RDONLY */ };
    (void)count;
    alarm(60);
    while ((kept = find(arguments)) < 0);
    snprintf(name, sizeof name, "/proc/self/fd/%d", kept);
    memset(&where, 0, sizeof where);
    fstatvfs(kept, &where);
    printf("read-only: %s\n", where.f_flag & ST_RDONLY ? "yes" : "no");
    printf("may write: %s\n", said(faccessat(AT_FDCWD, name, W_OK, AT_EACCESS)));
    printf("can change: %s\n", said(fchmodat(AT_FDCWD, name, 0755, 0)));
    printf("can unseal: %s\n", said(syscall(442 /* mount_setattr */, kept, "", AT_EMPTY_PATH, &writable, sizeof writable)));
    return 0;
}
