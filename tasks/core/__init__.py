from utils.processes.quick_imports import COMPILER, METRICS, hold_back

hold_back("torchmetrics", METRICS)  # before a file of this folder imports pytorch-lightning
hold_back("torch._dynamo", COMPILER)
