"""`stabilizer plan`: what `stabilize` would do, told, drawn or kept, and no video."""

from stabilizer.cli.options import Fps, Log, Overwrite, PlanFiles, Request, TalkOptions, Video
from stabilizer.cli.planning import check_plan_files, made_plan, write_plan_files, zoom_limit
from stabilizer.cli.show import heed, summary, tell
from stabilizer.cli.values import chosen_video, input_files


def plan(
    video: Video,
    request: Request,
    files: PlanFiles,
    talk: TalkOptions,
    log: Log = None,
    fps: Fps = None,
    overwrite: Overwrite = False,
) -> None:
    """Plan how VIDEO is stabilized by its gyro LOG, without doing it.

    stabilizer plan walk.mp4 walk.csv --camera walk.camera.json --plot walk.png --save-plan walk.npz
    """
    from stabilizer.log_file import find_log
    from stabilizer.video import probe

    heed(talk)
    source = chosen_video(video, fps)
    log = log or find_log(source)
    inputs = input_files(source, log, request.camera, request.sync_file)
    check_plan_files(files, inputs=inputs, overwrite=overwrite)
    info = probe(source)
    made = made_plan(info, log, request)
    written = write_plan_files(made.plan, files)
    told = summary(made.plan, zoom_limit(request), made.synchronized, lacking=info.missing)
    tell(f"{video}: planned, {told}")
    for path in written:
        tell(f"{path}: written")
