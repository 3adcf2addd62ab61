#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/attack/cases.h"

namespace aicoder::attack {
namespace {
namespace fs = std::filesystem;

void at_secret(Scene& scene, Firing& firing) { firing.args = {scene.secret_file().string()}; }
void at_target(Scene& scene, Firing& firing) { firing.args = {scene.target_file().string()}; }
void at_shared(Scene& scene, Firing& firing) { firing.args = {scene.shared().string()}; }

/// A program that trusts what it finds: opens the path it expects, follows whatever is there, waits at most `patience_ms` for it.
std::string read_trustingly(const fs::path& path, int patience_ms = 300) {
  const box::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return "";
  pollfd waiting{fd.get(), POLLIN, 0};
  if (::poll(&waiting, 1, patience_ms) <= 0) return "(it waits)";
  char buffer[256];
  const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
  return n > 0 ? std::string(buffer, static_cast<size_t>(n)) : "";
}

/// Outside the result is read trustingly, from a box as the sandbox hands it back.
std::string result_of(Scene& scene, const Firing& firing, const std::string& name) {
  if (!firing.inside) return read_trustingly(scene.work() / name);
  const auto it = firing.box.outputs.find(name);
  return it == firing.box.outputs.end() ? "" : it->second;
}

Case result_case(std::string name, std::string about, std::string code, const std::string& output) {
  return {.name = std::move(name),
          .about = std::move(about),
          .code = std::move(code),
          .arrange =
              [output](Scene& scene, Firing& firing) {
                firing.args = {output.find('/') == std::string::npos ? scene.secret_file().string() : scene.folder.string()};
                firing.request.outputs = {output};
              },
          .effect = [output](Scene& scene,
                             const Firing& firing) { return result_of(scene, firing, output).find(scene.secret) != std::string::npos; }};
}

/// The project of the user: outside the attack runs in it, in a box in a copy.
void in_project(Scene& scene, Firing& firing) {
  fs::create_directories(scene.work() / ".git/hooks");
  fs::permissions(scene.work() / ".git/hooks", fs::perms(0777));
  firing.request.dir = scene.work();
}

void home_of_the_user(Scene& scene, Firing& firing, const std::string& file) {
  const fs::path path = scene.shared() / file;
  fs::create_directories(path.parent_path());
  fs::permissions(path.parent_path(), fs::perms(0777));
  firing.args = {path.string()};
}

Case home_case(std::string name, std::string about, const std::string& file) {
  return {
      .name = std::move(name),
      .about = std::move(about),
      .code = "write_path",
      .arrange = [file](Scene& scene, Firing& firing) { home_of_the_user(scene, firing, file); },
      .effect = [file](Scene& scene, const Firing&) { return scene.read(scene.shared() / file).find(scene.nonce) != std::string::npos; }};
}

}  // namespace

void add_file_cases(Cases& cases) {
  const auto add = [&cases](Case one) { cases.push_back(std::move(one)); };
  add({"filesystem.read_by_path", "reads a file of the user by its path", "read_path", {}, false, at_secret, has_secret});
  add({"filesystem.read_upwards", "climbs out of the working folder by ../../..", "read_upwards", {}, false, at_secret, has_secret});
  add({"filesystem.symlink_chain", "reads through a chain of thirty links", "symlink_chain", {}, false, at_secret, has_secret});
  add({"filesystem.symlink_folder", "writes through a link to a folder of the host", "symlink_folder", {}, false, at_shared, made_a_file});
  add({"filesystem.symlink_swap",
       "exchanges a folder for a link while it is written to",
       "symlink_swap",
       {},
       false,
       at_shared,
       made_a_file});
  add({"filesystem.hard_link", "writes to a file of the host by a second name", "hard_link", {}, false, at_target, target_changed});
  add({"filesystem.rename_away",
       "moves a file of the host into its own folder",
       "rename_away",
       {},
       false,
       at_target,
       [](Scene& scene, const Firing&) { return !fs::exists(scene.target_file()); }});
  add({"filesystem.rename_escape",
       "moves a folder it holds open, then climbs out of it",
       "rename_escape",
       {},
       false,
       at_secret,
       has_secret});
  add({"filesystem.o_path",
       "opens a folder by O_PATH and reads on through /proc/self/fd",
       "o_path",
       {},
       false,
       [](Scene& scene, Firing& firing) { firing.args = {scene.folder.string(), "secret.txt"}; },
       has_secret});
  add({"filesystem.write_by_path", "writes to a file of the user by its path", "write_path", {}, false, at_target, target_changed});
  add({"filesystem.write_programs", "puts a file beside the programs of the machine", "write_programs", {}, true});
  add({"filesystem.device_node", "makes a device node and reads it", "device_node"});
  add({"filesystem.devices", "opens devices of the machine", "open_devices"});
  add({"filesystem.by_handle",
       "opens a file of the host by its number (open_by_handle_at)",
       "by_handle",
       {},
       false,
       at_secret,
       has_secret});
  add({"filesystem.chroot_escape", "leaves a root by making another and climbing", "chroot_escape", {}, true, at_secret, has_secret});
  add({"filesystem.compiler_include",
       "reads a file of the host through the compiler",
       "",
       {},
       false,
       [](Scene& scene, Firing& firing) {
         firing.request.files["leak.c"] = "#include \"" + scene.secret_file().string() + "\"\n";
         firing.argv = {"cc", "-E", "leak.c"};
       },
       has_secret});
  add({"filesystem.git_hook",
       "leaves a git hook in the project, which the user's next commit would run",
       "write_path",
       {".git/hooks/post-commit"},
       false,
       in_project,
       [](Scene& scene, const Firing&) {
         return scene.read(scene.work() / ".git/hooks/post-commit").find(scene.nonce) != std::string::npos;
       }});
  add({"filesystem.git_config",
       "changes the project's git configuration (hooksPath, pager)",
       "write_path",
       {".git/config"},
       false,
       in_project,
       [](Scene& scene, const Firing&) { return scene.read(scene.work() / ".git/config").find(scene.nonce) != std::string::npos; }});
  add({"filesystem.project_file",
       "changes the project itself instead of its copy",
       "write_path",
       {},
       false,
       [](Scene& scene, Firing& firing) {
         in_project(scene, firing);
         firing.args = {(scene.work() / "main.py").string()};
       },
       [](Scene& scene, const Firing&) { return scene.read(scene.work() / "main.py").find(scene.nonce) != std::string::npos; }});
  add(home_case("filesystem.own_configuration", "rewrites the configuration of aicoder", ".config/aicoder/config.toml"));
  add(home_case("filesystem.shell_profile", "adds a line to the user's shell profile", ".bashrc"));
  add(home_case("filesystem.ssh_keys", "adds a key that may log in", ".ssh/authorized_keys"));

  add(result_case("filesystem.result_symlink", "leaves a link to a secret where its result is expected", "result_symlink", "result"));
  add(result_case("filesystem.result_folder", "leaves a link in place of a folder on the way to its result", "result_folder_link",
                  "out/secret.txt"));
  add(result_case("filesystem.result_hard_link", "leaves a hard link to a secret where its result is expected", "result_hard_link",
                  "result"));
  add(result_case("filesystem.result_swap", "exchanges its result for a link while the host reads it", "result_swap", "result"));
  cases.back().effect = [](Scene& scene, const Firing& firing) {
    // The trusting reader looks before it opens; between the two the link comes.
    for (int i = 0; !firing.inside && i < 20'000; ++i) {
      struct stat info{};
      const fs::path path = scene.work() / "result";
      if (::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
      if (read_trustingly(path).find(scene.secret) != std::string::npos) return true;
    }
    return result_of(scene, firing, "result").find(scene.secret) != std::string::npos;
  };
  add(result_case("filesystem.result_fifo", "leaves a pipe where its result is expected, so that the reader waits for ever", "result_fifo",
                  "result"));
  cases.back().effect = [](Scene& scene, const Firing& firing) {
    if (firing.inside) return firing.seconds > 30;
    struct stat info{};
    return ::stat((scene.work() / "result").c_str(), &info) == 0 && S_ISFIFO(info.st_mode);  // opening it blocks, by definition of a pipe
  };
  add(result_case("filesystem.result_sparse", "leaves a result that claims a terabyte", "result_sparse", "result"));
  cases.back().effect = [](Scene& scene, const Firing& firing) {
    std::error_code error;
    return firing.inside ? firing.box.outputs.contains("result") && firing.box.outputs.at("result").size() > (size_t{1} << 30)
                         : fs::file_size(scene.work() / "result", error) == uintmax_t{1} << 40;
  };

  add({"filesystem.mount", "mounts a file system of its own", "mount_tmpfs", {}, true});
  add({"filesystem.mount_proc", "mounts a fresh /proc", "mount_proc", {}, true});
  add({"filesystem.mount_bind", "mounts the root a second time", "mount_bind", {}, true});
  add({"filesystem.remount_writable", "makes a read-only mount writable", "remount_writable", {"/usr"}, true});
  add({"filesystem.unmount", "takes a mount away, to see what is below it", "unmount", {"/usr"}, true});
  add({"filesystem.pivot_root", "changes its root", "pivot", {}, true});
  add({"filesystem.new_mount_api", "mounts by fsopen, fsmount and move_mount", "new_mount_api", {}, true});
  add({"filesystem.open_tree", "copies the tree of mounts by open_tree", "open_tree", {}, true});
  add({"filesystem.mount_setattr", "changes attributes of a mount", "change_attributes", {"/usr"}, true});
  add({"filesystem.list_mounts", "lists the mounts of the machine by listmount", "list_mounts"});
}

}  // namespace aicoder::attack
