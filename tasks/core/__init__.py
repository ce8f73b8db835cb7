from utils.processes.quick_imports import COMPILER, METRICS, PLOTS, hold_back

hold_back("torchmetrics", METRICS)  # before a file of this folder imports pytorch-lightning
hold_back("torchmetrics.utilities.plot", PLOTS)
hold_back("torch._dynamo", COMPILER)
