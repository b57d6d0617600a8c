"""`stabilizer plan`: what `stabilize` would do, told, drawn or kept, and no video."""

from stabilizer.cli.options import Log, Overwrite, PlanFiles, Request, Video
from stabilizer.cli.planning import check_plan_files, made_plan, write_plan_files, zoom_limit
from stabilizer.cli.show import summary


def plan(
    video: Video,
    request: Request,
    files: PlanFiles,
    log: Log = None,
    overwrite: Overwrite = False,
) -> None:
    """Plan how VIDEO is stabilized by its gyro LOG, without doing it.

    stabilizer plan walk.mp4 walk.csv --camera walk.camera.json --plot walk.png --save-plan walk.npz
    """
    from stabilizer.log_file import find_log
    from stabilizer.video import probe

    log = log or find_log(video)
    inputs = [path for path in (video, log, request.camera, request.sync_file) if path is not None]
    check_plan_files(files, inputs=inputs, overwrite=overwrite)
    made = made_plan(probe(video), log, request)
    written = write_plan_files(made.plan, files)
    print(f"{video}: planned, {summary(made.plan, zoom_limit(request), made.synchronized)}")
    for path in written:
        print(f"{path}: written")
