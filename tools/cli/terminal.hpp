// How a tool behaves towards its terminal, its pipes and whoever wants it to stop.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cli {

/// First of all in main. A standard descriptor that whoever started us has closed is kept taken by one
/// on which reading and writing fail: else the next file opened would get its number, and words meant
/// for people would be written into a bus or a log. And SIGXFSZ is ignored, so that a file size limit
/// (ulimit -f) is an error that is told, as a full disk is, instead of death.
void prepare_process();

/// True when `fd` is a terminal that shows colours and NO_COLOR is not set.
[[nodiscard]] bool use_colour(int fd);

/// Columns of the terminal that `fd` is; 0 when it is none, or does not say.
[[nodiscard]] std::size_t columns(int fd);

/// "evtail: text" and a line end to stderr, with one write, control characters escaped.
void say(std::string_view tool, std::string_view text);

/// Bytes on their way to a descriptor. A reader that went away (`evtail | head`) is no error: closed()
/// is true from then on and the rest is dropped. Any other failure throws evbus::error, once the
/// buffer is written: a full disk under a redirection must not pass for success.
/// Construction lets SIGPIPE be ignored in this process, so that the cursor can be saved after it.
class output {
public:
    explicit output(int fd);
    ~output(); ///< writes what is left; a failure then goes unnoticed, so flush() before
    output(const output&) = delete;

    /// Append here, then call flush_if_full().
    std::string& buffer() { return buffer_; }
    void flush();
    /// Flushes, and where a file is written, has it on the disk when it returns.
    void sync();
    void flush_if_full() {
        if (buffer_.size() >= full) flush();
    }
    [[nodiscard]] bool closed() const { return closed_; }

private:
    static constexpr std::size_t full = 64 * 1024;

    int fd_;
    bool closed_ = false;
    std::string buffer_;
};

/// While one lives, SIGINT and SIGTERM ask the tool to stop instead of killing it. A second signal
/// kills, so that a tool that hangs can be ended. One a process; threads may ask.
class stop_signal {
public:
    stop_signal();
    ~stop_signal();
    stop_signal(const stop_signal&) = delete;

    [[nodiscard]] bool asked() const;
    /// The signal that asked; 0 when none did.
    [[nodiscard]] int number() const;
    /// Readable from the first signal on: for poll() beside other descriptors.
    [[nodiscard]] int fd() const;
    /// Sleeps until asked or the time is over; true when asked.
    bool wait_ms(int timeout_ms) const;
};

} // namespace cli
