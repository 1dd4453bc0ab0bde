/* Tries to type into the terminal that is standard input, as its caller would (TIOCSTI, ioctl_tty(2)), and says what came of each way. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void push(const char *way, int terminal) {
    int done = terminal < 0 ? -1 : ioctl(terminal, TIOCSTI, "\n");
    dprintf(2, "%s: %s\n", way, done ? strerror(errno) : "pushed");
}

int main(void) {
    push("as it is", 0);
    if (ioctl(0, TIOCSCTTY, 0))
        dprintf(2, "control: %s\n", strerror(errno));
    push("controlled", 0);
    push("opened again", open("/proc/self/fd/0", O_RDWR));
    push("of the session", open("/dev/tty", O_RDWR));
    return 0;
}
