// Replacing a small file whole: a reader sees the old bytes or the new, also after a power loss.
#pragma once

#include <evbus/log/file.hpp>

#include <cstddef>
#include <span>
#include <string>

namespace evbus {
inline namespace v1 {
namespace log {

/// Writes DIR/NAME through DIR/NAME.tmp: write, sync, rename, directory sync. 0 or -errno; after an
/// error the old file stands.
[[nodiscard]] inline int replace_file(file_system& fs, const std::string& dir, const std::string& name,
                                      std::span<const std::byte> bytes, unsigned mode) {
    const std::string path = dir + "/" + name;
    const std::string tmp = path + ".tmp";
    const int fd = fs.open(tmp, O_WRONLY | O_CREAT | O_TRUNC, mode);
    if (fd < 0) return fd;
    int r = 0;
    {
        const file out(fs, fd);
        r = out.write_at(bytes.data(), bytes.size(), 0);
        if (r == 0) r = out.datasync();
    }
    if (r == 0) r = fs.rename(tmp, path);
    if (r < 0) {
        fs.unlink(tmp);
        return r;
    }
    return fs.sync_dir(dir);
}

} // namespace log
} // namespace v1
} // namespace evbus
