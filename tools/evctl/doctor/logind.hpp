// systemd-logind's RemoveIPC: it unlinks all shared memory of a user when his last session ends.
#pragma once

#include <string>
#include <string_view>

namespace evctl::doctor {

struct logind_facts {
    bool runs = false;
    bool remove_ipc = true; ///< logind's own default
    std::string set_in{};   ///< the file that says so; empty: the default
};

/// The last value that `text`, a logind.conf, gives RemoveIPC in its section [Login]; `before` if none.
[[nodiscard]] bool parse_remove_ipc(std::string_view text, bool before, bool* found = nullptr);

/// The configuration below `root` (empty: this machine's), drop-ins in logind's own order.
[[nodiscard]] logind_facts look_at_logind(const std::string& root = {});

/// Greatest uid of a system user: SYS_UID_MAX of login.defs, 999 if it says nothing.
[[nodiscard]] unsigned last_system_uid(const std::string& root = {});
/// True when the user's shared memory outlives his sessions because he "lingers".
[[nodiscard]] bool lingers(const std::string& user, const std::string& root = {});

} // namespace evctl::doctor
