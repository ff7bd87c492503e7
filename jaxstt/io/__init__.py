"""Files: OVF states, tables, sheets of cells, labelled data sets (xarray, zarr)."""

from ._dataset import ZARR_FORMAT as ZARR_FORMAT
from ._dataset import from_dataset as from_dataset
from ._dataset import load_zarr as load_zarr
from ._dataset import mesh_attributes as mesh_attributes
from ._dataset import save_zarr as save_zarr
from ._dataset import to_dataset as to_dataset
from ._mumax3 import write_mumax3 as write_mumax3
from ._oommf import write_oommf as write_oommf
from ._ovf import OVF as OVF
from ._ovf import read_magnetisation as read_magnetisation
from ._ovf import read_ovf as read_ovf
from ._ovf import read_state as read_state
from ._ovf import write_ovf as write_ovf
from ._sheet import Sheet as Sheet
from ._sheet import plain_numbers as plain_numbers
from ._sheet import read_sheet as read_sheet
from ._table import Table as Table
from ._table import read_table as read_table
from ._table import write_table as write_table
