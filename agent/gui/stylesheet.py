"""The one style sheet, with the tokens' names as place holders. Roles are dynamic properties: role, kind, tone."""

STYLE_SHEET = """
QMainWindow, QDialog, QWidget[role="page"], QStackedWidget { background: %(page)s; }
QWidget[role="clear"] { background: transparent; }
QLabel { background: transparent; }
QToolTip { background: %(surface)s; color: %(text)s; border: 1px solid %(control)s; padding: 5px 7px; }

QLabel[role="title"] { font-size: 21px; font-weight: 700; }
QLabel[role="dialog-title"] { font-size: 17px; font-weight: 700; }
QLabel[role="section"] { font-size: 14px; font-weight: 600; }
QLabel[role="strong"] { font-weight: 600; }
QLabel[role="muted"], QLabel[role="subtitle"] { color: %(muted)s; }
QLabel[role="small"] { color: %(muted)s; font-size: 12px; }
QLabel[role="label"] { font-weight: 600; font-size: 12px; }
QLabel[role="overline"] { color: %(muted)s; font-weight: 600; font-size: 11px; }
QLabel[role="error"] { color: %(error)s; font-size: 12px; }
QLabel[role="brand"] { font-size: 15px; font-weight: 700; }
QLabel[role="number"] { font-size: 22px; font-weight: 700; }

QLabel[role="step"] { color: %(muted)s; border: 2px solid %(control)s; border-radius: 13px; font-size: 12px;
  font-weight: 700; min-width: 22px; max-width: 22px; min-height: 22px; max-height: 22px;
  qproperty-alignment: AlignCenter; }

QFrame[role="sidebar"] { background: %(sidebar)s; border: 0; border-right: 1px solid %(line)s; }
QFrame[role="card"] { background: %(surface)s; border: 1px solid %(line)s; border-radius: 10px; }
QFrame[role="inset"] { background: %(sunken)s; border: 1px solid %(line)s; border-radius: 8px; }
QFrame[role="line"] { background: %(line)s; border: 0; max-height: 1px; min-height: 1px; }
QFrame[role="toast"] { background: %(text)s; border-radius: 8px; }
QFrame[role="toast"] QLabel { color: %(page)s; font-weight: 500; }

QFrame[role="banner"] { border: 1px solid transparent; border-radius: 8px; }
QFrame[role="banner"][tone="ok"] { background: %(ok_soft)s; }
QFrame[role="banner"][tone="warn"] { background: %(warn_soft)s; }
QFrame[role="banner"][tone="error"] { background: %(error_soft)s; }
QFrame[role="banner"][tone="info"], QFrame[role="banner"][tone="busy"] { background: %(info_soft)s; }
QFrame[role="banner"][tone="idle"] { background: %(idle_soft)s; }
QFrame[role="banner"][strip="true"] { border-radius: 0; }

QLabel[chip="true"] { border-radius: 10px; padding: 2px 11px 2px 22px; min-height: 17px;
  font-size: 12px; font-weight: 600; }
QLabel[chip="true"][tone="ok"] { color: %(ok)s; background: %(ok_soft)s; }
QLabel[chip="true"][tone="warn"] { color: %(warn)s; background: %(warn_soft)s; }
QLabel[chip="true"][tone="error"] { color: %(error)s; background: %(error_soft)s; }
QLabel[chip="true"][tone="info"] { color: %(info)s; background: %(info_soft)s; }
QLabel[chip="true"][tone="idle"] { color: %(idle)s; background: %(idle_soft)s; }

QPushButton { background: %(surface)s; border: 1px solid %(control)s; border-radius: 7px; padding: 6px 14px;
  min-height: 20px; color: %(text)s; font-weight: 500; }
QPushButton:hover { background: %(hover)s; }
QPushButton:pressed { background: %(line)s; }
QPushButton:focus { border: 2px solid %(accent)s; padding: 5px 13px; }
QPushButton:disabled { color: %(disabled)s; background: transparent; border-color: %(line)s; }
QPushButton[kind="primary"] { background: %(accent)s; border-color: %(accent)s; color: %(on_accent)s;
  font-weight: 600; }
QPushButton[kind="primary"]:hover { background: %(accent_hover)s; }
QPushButton[kind="primary"]:focus { border: 2px solid %(text)s; }
QPushButton[kind="primary"]:disabled { background: %(idle_soft)s; border-color: %(idle_soft)s; color: %(disabled)s; }
QPushButton[kind="danger"] { background: %(error)s; border-color: %(error)s; color: %(page)s; font-weight: 600; }
QPushButton[kind="danger"]:hover { background: %(error_hover)s; }
QPushButton[kind="danger"]:focus { border: 2px solid %(text)s; }
QPushButton[kind="link"] { background: transparent; border: 1px solid transparent; color: %(accent)s; padding: 3px 6px;
  font-weight: 600; }
QPushButton[kind="link"]:hover { background: %(accent_soft)s; }
QPushButton[kind="link"]:focus { border: 2px solid %(accent)s; padding: 2px 5px; }
QPushButton[kind="nav"] { border: 1px solid transparent; border-radius: 8px; text-align: left; padding: 8px 11px;
  color: %(muted)s; background: transparent; }
QPushButton[kind="nav"]:hover { background: %(hover)s; color: %(text)s; }
QPushButton[kind="nav"]:checked { background: %(accent_soft)s; color: %(accent)s; font-weight: 600; }
QPushButton[kind="nav"]:focus { border: 2px solid %(accent)s; padding: 7px 10px; }
QPushButton[kind="filter"] { border-radius: 15px; padding: 4px 13px; color: %(muted)s; }
QPushButton[kind="filter"]:checked { background: %(accent_soft)s; border-color: %(accent)s; color: %(accent)s;
  font-weight: 600; }
QPushButton[kind="filter"]:focus { border: 2px solid %(accent)s; padding: 3px 12px; }
QPushButton::menu-indicator { image: none; width: 0; }

QToolButton { border: 1px solid transparent; border-radius: 7px; padding: 5px; background: transparent; }
QToolButton:hover { background: %(hover)s; }
QToolButton:focus { border: 2px solid %(accent)s; padding: 4px; }
QToolButton[kind="add"] { border: 1px solid %(control)s; background: %(surface)s; }
QToolButton[kind="add"]:hover { border-color: %(accent)s; background: %(accent_soft)s; }
QToolButton[kind="add"]:focus { border: 2px solid %(accent)s; }
QToolButton[kind="add"]:disabled { border-color: %(line)s; background: transparent; }
QToolButton::menu-indicator { image: none; }

QLineEdit, QComboBox, QAbstractSpinBox, QPlainTextEdit { background: %(surface)s; border: 1px solid %(control)s;
  border-radius: 7px; padding: 6px 10px; min-height: 20px; color: %(text)s;
  selection-background-color: %(accent)s; selection-color: %(on_accent)s; }
QLineEdit:focus, QComboBox:focus, QAbstractSpinBox:focus, QPlainTextEdit:focus { border: 2px solid %(accent)s;
  padding: 5px 9px; }
QLineEdit[bad="true"], QComboBox[bad="true"] { border: 2px solid %(error)s; padding: 5px 9px; }
QLineEdit:disabled, QComboBox:disabled, QAbstractSpinBox:disabled, QPlainTextEdit:disabled {
  color: %(disabled)s; background: %(sunken)s; border-color: %(line)s; }
QLineEdit[readOnly="true"] { background: %(sunken)s; }
QPlainTextEdit[role="detail"] { border: 0; padding: 0; background: transparent; }
QPlainTextEdit[role="detail"]:focus { border: 1px solid %(accent)s; padding: 0; }
QAbstractSpinBox QLineEdit { border: 0; padding: 0; min-height: 0; background: transparent; }
QAbstractSpinBox QLineEdit:focus { border: 0; padding: 0; }
QComboBox { combobox-popup: 0; }
QComboBox::drop-down, QDateTimeEdit::drop-down { border: 0; width: 28px; }
QComboBox::down-arrow, QDateTimeEdit::down-arrow { image: url(%(arrow_down)s); width: 15px; height: 15px; }
QComboBox::down-arrow:disabled { image: url(%(arrow_off)s); }
QComboBox QAbstractItemView { background: %(surface)s; color: %(text)s; border: 1px solid %(control)s;
  selection-background-color: %(selection)s; selection-color: %(text)s; outline: 0; }
QComboBox QAbstractItemView::item { min-height: 30px; padding: 0 10px; }
QComboBox QAbstractItemView::item:selected { background: %(selection)s; color: %(text)s; }
QCheckBox { spacing: 9px; background: transparent; }
QCheckBox::indicator { width: 17px; height: 17px; border: 1px solid %(control)s; border-radius: 5px;
  background: %(surface)s; }
QCheckBox::indicator:hover { border-color: %(accent)s; }
QCheckBox::indicator:checked { background: %(accent)s; border-color: %(accent)s; image: url(%(tick)s); }
QCheckBox::indicator:focus { border: 2px solid %(accent)s; }
QCheckBox::indicator:checked:focus { border: 2px solid %(text)s; }
QRadioButton { spacing: 9px; background: transparent; font-weight: 600; }
QRadioButton:disabled { color: %(disabled)s; }
QRadioButton::indicator { width: 16px; height: 16px; border: 1px solid %(control)s; border-radius: 9px;
  background: %(surface)s; }
QRadioButton::indicator:hover { border-color: %(accent)s; }
QRadioButton::indicator:checked { border: 5px solid %(accent)s; border-radius: 9px; width: 8px; height: 8px;
  background: %(surface)s; }
QRadioButton::indicator:focus { border-color: %(accent)s; }
QRadioButton::indicator:disabled { background: %(sunken)s; border-color: %(line)s; }
QRadioButton:focus { color: %(accent)s; }
QCheckBox::indicator:disabled { background: %(sunken)s; border-color: %(line)s; }
QCheckBox::indicator:checked:disabled { background: %(sunken)s; border-color: %(line)s; image: url(%(tick_off)s); }

QTableView { background: %(surface)s; border: 1px solid %(line)s; border-radius: 10px; gridline-color: transparent;
  selection-background-color: %(selection)s; selection-color: %(text)s; outline: 0; }
QTableView:focus { border: 1px solid %(accent)s; }
QHeaderView { background: transparent; border: 0; }
QHeaderView::section { background: %(surface)s; color: %(muted)s; font-weight: 600; font-size: 12px; border: 0;
  border-bottom: 1px solid %(line)s; padding: 9px 12px; }
QHeaderView::section:first { border-top-left-radius: 10px; }
QHeaderView::section:last { border-top-right-radius: 10px; }
QTextBrowser[role="guide"] { background: %(surface)s; border: 0; border-top: 1px solid %(line)s; }
QScrollArea { border: 0; background: transparent; }
QScrollArea > QWidget > QWidget[role="clear"] { background: transparent; }
QAbstractScrollArea::corner { background: transparent; }
QScrollBar:vertical { background: transparent; width: 15px; margin: 2px 2px 2px 5px; }
QScrollBar::handle:vertical { background: %(disabled)s; border-radius: 4px; min-height: 36px; }
QScrollBar:horizontal { background: transparent; height: 12px; margin: 2px; }
QScrollBar::handle:horizontal { background: %(disabled)s; border-radius: 4px; min-width: 36px; }
QScrollBar::handle:hover { background: %(muted)s; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QSplitter::handle { background: transparent; }

QMenuBar { background: %(sidebar)s; border-bottom: 1px solid %(line)s; padding: 2px 8px; }
QMenuBar::item { padding: 5px 10px; border-radius: 6px; background: transparent; }
QMenuBar::item:selected { background: %(hover)s; }
QMenu { background: %(surface)s; border: 1px solid %(control)s; padding: 5px; }
QMenu::item { padding: 7px 28px 7px 12px; border-radius: 5px; }
QMenu::item:selected { background: %(selection)s; color: %(text)s; }
QMenu::item:disabled { color: %(disabled)s; }
QMenu::separator { height: 1px; background: %(line)s; margin: 4px 6px; }
QMenu::icon { padding-left: 8px; }
"""
