#include "tools/cli/terminal.hpp"

#include <evbus/error.hpp>

#include <doctest/doctest.h>

#include <csignal>
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

TEST_CASE("terminal: a pipe gets no colour") {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    CHECK_FALSE(cli::use_colour(ends[1]));
    close(ends[0]);
    close(ends[1]);
}

TEST_CASE("terminal: NO_COLOR and a dumb terminal switch colour off") {
    const int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) {
        MESSAGE("no pseudo-terminal here: not tested");
        return;
    }
    const int terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
    REQUIRE(terminal >= 0);
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    CHECK(cli::use_colour(terminal));
    setenv("NO_COLOR", "1", 1);
    CHECK_FALSE(cli::use_colour(terminal));
    setenv("NO_COLOR", "", 1);
    CHECK(cli::use_colour(terminal));
    setenv("TERM", "dumb", 1);
    CHECK_FALSE(cli::use_colour(terminal));
    unsetenv("NO_COLOR");
    close(terminal);
    close(master);
}

TEST_CASE("terminal: output reaches its descriptor whole") {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    {
        cli::output out(ends[1]);
        out.buffer() += "hello";
        out.flush();
        out.buffer() += " world";
    }
    char seen[64];
    CHECK(read(ends[0], seen, sizeof seen) == 11);
    CHECK(std::string(seen, 11) == "hello world");
    close(ends[0]);
    close(ends[1]);
}

TEST_CASE("terminal: a reader that went away closes the output and is no error") {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    close(ends[0]);
    cli::output out(ends[1]);
    out.buffer() += "lost";
    out.flush();
    CHECK(out.closed());
    out.buffer() += "dropped";
    out.flush();
    close(ends[1]);
}

TEST_CASE("terminal: a full disk is an error") {
    const int full = open("/dev/full", O_WRONLY);
    REQUIRE(full >= 0);
    cli::output out(full);
    out.buffer() += "lost";
    try {
        out.flush();
        FAIL("passed for success");
    } catch (const evbus::error& e) {
        CHECK(e.kind() == evbus::errc::no_space);
        CHECK_FALSE(out.closed());
    }
    close(full);
}

TEST_CASE("terminal: a signal asks to stop, and ends a wait") {
    cli::stop_signal stop;
    CHECK_FALSE(stop.asked());
    CHECK_FALSE(stop.wait_ms(0));
    raise(SIGTERM);
    CHECK(stop.wait_ms(10000));
    CHECK(stop.number() == SIGTERM);
}

TEST_CASE("terminal: the second signal kills") {
    const pid_t child = fork();
    if (child == 0) {
        cli::stop_signal stop;
        raise(SIGINT);
        if (!stop.asked()) _exit(1);
        raise(SIGINT);
        _exit(2);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
}

TEST_CASE("terminal: notices are one line on stderr, free of control characters") {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    const int before = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    cli::say("evtail", "a\nb\x1b[2J");
    dup2(before, STDERR_FILENO);
    char seen[64];
    const ssize_t size = read(ends[0], seen, sizeof seen);
    REQUIRE(size > 0);
    CHECK(std::string(seen, static_cast<std::size_t>(size)) == "evtail: a\\nb\\e[2J\n");
    for (int fd : {before, ends[0], ends[1]}) close(fd);
}
