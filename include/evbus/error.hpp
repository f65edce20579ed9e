// What goes wrong while something is set up (open, attach, create, recover) is thrown as
// evbus::error; its text names the operation, the object and the way out, in that order.
// What runs once per event never throws: it returns a status enum of its own header.
#pragma once

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>

#include <strings.h>

namespace evbus {
inline namespace v1 {

/// Kinds of failure, for programs; the text of evbus::error is for people.
enum class errc {
    bad_name = 1,     ///< a bus, participant or cursor name breaks the naming rule
    bad_topic,        ///< a topic breaks the topic rules
    bad_filter,       ///< a filter pattern breaks the filter rules
    bad_option,       ///< an option is out of range or contradicts another
    not_found,        ///< no such bus, log or file
    already_exists,   ///< it is there although it must not be
    permission,       ///< the system refused access, or the object belongs to somebody else
    no_space,         ///< memory, disk or quota is exhausted
    io,               ///< the system reported any other failure
    not_a_bus,        ///< wrong magic: some other file
    byte_order,       ///< written on a machine of the other byte order
    wrong_version,    ///< a format version that this library does not read
    unknown_feature,  ///< an incompatible feature flag that this library does not know
    bad_geometry,     ///< sizes or offsets in a header contradict each other
    cut_short,        ///< a file is shorter than its header says
    mismatch,         ///< the object exists with other properties than asked for
    busy,             ///< somebody else holds a lock or a name
    members_alive,    ///< removal was refused because participants live
    retired,          ///< the ring was closed; open the bus anew
    recorder_alive,   ///< another recorder already records this bus
    foreign_log,      ///< the log belongs to another bus
    damaged,          ///< stored data fails its checks
    too_large,        ///< over a documented limit
    exhausted,        ///< no free participant number or table entry
    forked,           ///< a handle was used in a forked child
    handler_failed,   ///< a handler failed more often than its restart policy allows
    letters_full,     ///< no room for another dead letter
    gap,              ///< a reader that was told to stop at a gap met one
    not_durable,      ///< it is about a seq that is not synced yet
    goes_back,        ///< it lies before what was reached already
    no_recorder,      ///< nobody records the bus
    timed_out,        ///< the time given was over first
};

namespace detail {

inline const char* describe(errc e) noexcept {
    switch (e) {
    case errc::bad_name: return "malformed name";
    case errc::bad_topic: return "malformed topic";
    case errc::bad_filter: return "malformed filter";
    case errc::bad_option: return "option out of range";
    case errc::not_found: return "not found";
    case errc::already_exists: return "already exists";
    case errc::permission: return "permission denied";
    case errc::no_space: return "out of space";
    case errc::io: return "input/output error";
    case errc::not_a_bus: return "not an evbus object";
    case errc::byte_order: return "other byte order";
    case errc::wrong_version: return "unsupported format version";
    case errc::unknown_feature: return "unknown feature flag";
    case errc::bad_geometry: return "contradicting geometry";
    case errc::cut_short: return "file cut short";
    case errc::mismatch: return "different from what was asked for";
    case errc::busy: return "in use";
    case errc::members_alive: return "participants are alive";
    case errc::retired: return "ring retired";
    case errc::recorder_alive: return "already recorded";
    case errc::foreign_log: return "log of another bus";
    case errc::damaged: return "damaged";
    case errc::too_large: return "too large";
    case errc::exhausted: return "table full";
    case errc::forked: return "handle used in a forked child";
    case errc::handler_failed: return "handler failed";
    case errc::letters_full: return "no room for dead letters";
    case errc::gap: return "events are missing";
    case errc::not_durable: return "not durable yet";
    case errc::goes_back: return "goes back";
    case errc::no_recorder: return "not recorded";
    case errc::timed_out: return "timed out";
    }
    return "unknown";
}

class category_impl final : public std::error_category {
public:
    const char* name() const noexcept override { return "evbus"; }
    std::string message(int ev) const override { return describe(static_cast<errc>(ev)); }
};

} // namespace detail

/// The category of errc.
inline const std::error_category& category() noexcept {
    static const detail::category_impl instance;
    return instance;
}

inline std::error_code make_error_code(errc e) noexcept { return {static_cast<int>(e), category()}; }

/// The words of an error, named at the place where it is thrown.
struct error_text {
    std::string_view operation; ///< what was being done: "attach to bus md"
    std::string_view object;    ///< the thing it failed on: a path, a flag, a name
    std::string_view problem;   ///< what is wrong with it
    std::string_view way_out{}; ///< what the reader can do now
};

/// Thrown by everything that sets up. what() reads "OPERATION: OBJECT: PROBLEM; WAY OUT".
class error : public std::system_error {
public:
    error(errc code, const error_text& text) : error(code, 0, text) {}

    /// `os_error` is the errno behind it, 0 when there is none.
    error(errc code, int os_error, const error_text& text)
        : std::system_error(make_error_code(code)), os_error_(os_error) {
        text_.append(text.operation);
        for (std::string_view part : {text.object, text.problem})
            if (!part.empty()) text_.append(text_.empty() ? "" : ": ").append(part);
        // The system's own words only where ours say less.
        if (os_error != 0 && code == errc::io && ::strcasecmp(std::string(text.problem).c_str(), std::strerror(os_error)) != 0)
            text_.append(" (").append(std::strerror(os_error)).append(")");
        if (!text.way_out.empty()) text_.append("; ").append(text.way_out);
    }

    const char* what() const noexcept override { return text_.c_str(); }
    /// The errno behind this error; 0 when the system had no part in it.
    [[nodiscard]] int os_error() const noexcept { return os_error_; }
    [[nodiscard]] errc kind() const noexcept { return static_cast<errc>(code().value()); }

private:
    std::string text_;
    int os_error_ = 0;
};

namespace detail {

struct os_problem {
    errc code;
    const char* problem;
    const char* way_out;
};

/// How an errno reads to the person who has to mend it.
inline os_problem explain_errno(int e) noexcept {
    switch (e) {
    case EACCES:
    case EPERM: return {errc::permission, "permission denied", "check its owner and mode, or run as its owner"};
    case ENOENT: return {errc::not_found, "no such file or directory", "check the name, or create it first"};
    case EEXIST: return {errc::already_exists, "already exists", "remove it or choose another name"};
    case ENOSPC: return {errc::no_space, "no space left", "free space there or choose another place"};
    case EDQUOT: return {errc::no_space, "quota exceeded", "raise the quota or choose another place"};
    case EFBIG: return {errc::no_space, "file size limit reached", "raise the limit (ulimit -f)"};
    case ENOMEM: return {errc::io, "out of memory", "free memory, ask for less, or raise the limit (ulimit -v)"};
    case EMFILE:
    case ENFILE: return {errc::io, "too many open files", "raise the limit (ulimit -n)"};
    case ELOOP: return {errc::io, "it is a symbolic link", "put the real thing in its place"};
    case EISDIR: return {errc::io, "it is a directory", "remove it (rmdir), or choose another name"};
    case ENODEV: return {errc::io, "a device is in its place", "move it away"};
    case ESPIPE: return {errc::io, "a pipe is in its place", "move it away"};
    case EROFS: return {errc::permission, "read-only file system", "choose a place that can be written"};
    case ENOTDIR: return {errc::io, "a part of the path is not a directory", "check the path"};
    default: return {errc::io, "the system call failed", ""};
    }
}

/// Throws the error that fits `os_error`; `way_out` replaces the usual advice when given.
[[noreturn]] inline void throw_errno(int os_error, std::string_view operation, std::string_view object,
                                     std::string_view way_out = {}) {
    const os_problem p = explain_errno(os_error);
    throw error(p.code, os_error, {operation, object, p.problem, way_out.empty() ? p.way_out : way_out});
}

} // namespace detail
} // namespace v1
} // namespace evbus

template <>
struct std::is_error_code_enum<evbus::errc> : std::true_type {};
