// Stands before the C library in a node's process: `fsync` and `fdatasync` fail with EIO, as on a disk that dies, for files whose
// path holds the text that the file named by KIFU_SYNC_FAILS has in it. Without that file all goes to the kernel.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fails(int file) {
    const char *trigger = getenv("KIFU_SYNC_FAILS");
    int asked = trigger ? open(trigger, O_RDONLY | O_CLOEXEC) : -1;
    if (asked < 0) {
        return 0;
    }
    char wanted[256], link[64], path[4096];
    ssize_t length = read(asked, wanted, sizeof wanted - 1);
    close(asked);
    if (length <= 0) {
        return 0;
    }
    wanted[length] = 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    length = readlink(link, path, sizeof path - 1);
    if (length <= 0) {
        return 0;
    }
    path[length] = 0;
    return strstr(path, wanted) != NULL;
}

static int sync_with(long call, int file) {
    if (fails(file)) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(call, file);
}

int fdatasync(int file) { return sync_with(SYS_fdatasync, file); }

int fsync(int file) { return sync_with(SYS_fsync, file); }
